#pragma once

#include <string>

#include "kernels/conv/conv.h"

namespace sg {

/// How a device multiplies, by type and ConvMath.
enum class ConvArithmetic { f32, tf32, bf16 };
template <class T>
constexpr ConvArithmetic conv_arithmetic(ConvMath math) {
    if (sizeof(T) == 2) return ConvArithmetic::bf16;
    return math == ConvMath::tf32 ? ConvArithmetic::tf32 : ConvArithmetic::f32;
}
const char* to_string(ConvArithmetic arithmetic);

/// A convolution without its data: what libraries are asked for, choices are remembered by and
/// memory is planned with. Operands are bf16 or f32, as the arithmetic says, sums f32.
struct ConvCall {
    ConvPass pass = ConvPass::forward;
    ConvShape shape = {};
    ConvArithmetic arithmetic = ConvArithmetic::f32;
    bool wide_result = false;  ///< f32 from bf16 operands; always so for wgrad
    bool bias = false;         ///< an epilogue's (ConvEpilogue)
    float slope = 1;

    bool operator==(const ConvCall&) const = default;
};
/// A line that tells calls apart: the pass, the arithmetic and the extents.
std::string to_string(const ConvCall& call);

/// Floats of workspace that our own kernels need for a call (conv.h).
int64_t conv_workspace(const DeviceProperties& device, const ConvCall& call);

/// The data, in device memory: forward x, w, y; dgrad grad_y, w, grad_x; wgrad x, grad_y, grad_w.
struct ConvOperands {
    const void* a = nullptr;
    const void* b = nullptr;
    const float* bias = nullptr;
    void* result = nullptr;
};

}  // namespace sg
