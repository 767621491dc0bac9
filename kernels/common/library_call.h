#pragma once

#include <cstdint>

namespace sg {

/// Work beside convolutions that libraries have a primitive for, on x [N, H, W, C].
enum class LibraryOp {
    leaky_relu,           ///< y of x, with the call's slope
    leaky_relu_backward,  ///< y = grad_x of x = grad_y and z, the forward's input
    tanh,                 ///< y of x
    add,                  ///< y = x + z
    cast,                 ///< f32 to bf16, or bf16 to f32 if the call is in bf16
    transpose,            ///< x [N, C, H, W], y [N, H, W, C]
    sum_rows,             ///< y [N] of everything else, in f32
    sum_channels,         ///< y [C] of everything else, in f32
    upsample_forward,     ///< nearest; y [N, 2H, 2W, C]
    upsample_backward,    ///< its adjoint: y = grad_x [N, H, W, C] of x = grad_y [N, 2H, 2W, C]
};

struct LibraryCall {
    LibraryOp op;
    int64_t N, H, W, C;
    bool bf16 = false;
    float slope = 0;

    int64_t size() const { return N * H * W * C; }
};

struct LibraryOperands {
    const void* x;
    const void* z;  ///< null if the operation has one operand
    void* y;
};

}  // namespace sg
