#pragma once

#include <cstdint>
#include <string>

namespace sg {

/// Extents of a 2-D convolution
///   y[n,p,q,k] = bias[k] + sum_{r,s,c} x[n, p*stride - pad + r, q*stride - pad + s, c] w[k,r,s,c]
/// with x zero outside the image. Activations are NHWC, weights KRSC (PyTorch's OIHW with I last).
/// The three passes (conv.h) are closed under differentiation: each is linear in both operands, and
/// its derivative by either is one of the other two. Transposed convolution is dgrad.
struct ConvShape {
    int64_t N = 1, H = 1, W = 1, C = 1;  ///< x
    int64_t K = 1, R = 1, S = 1;         ///< w: output channels, kernel height and width
    int64_t stride = 1, pad = 0;

    int64_t P() const { return (H + 2 * pad - R) / stride + 1; }  ///< height of y
    int64_t Q() const { return (W + 2 * pad - S) / stride + 1; }  ///< width of y
    int64_t x_size() const { return N * H * W * C; }
    int64_t w_size() const { return K * R * S * C; }
    int64_t y_size() const { return N * P() * Q() * K; }
    bool operator==(const ConvShape&) const = default;
};

/// Throws Error(operation) unless every extent is positive and the kernel fits the padded image.
void check_conv_shape(const char* operation, const ConvShape& shape);
std::string to_string(const ConvShape& shape);

/// forward: y from x and w. dgrad: grad_x from grad_y and w. wgrad: grad_w from x and grad_y.
enum class ConvPass { forward, dgrad, wgrad };
const char* to_string(ConvPass pass);

}  // namespace sg
