#pragma once

#include <optional>
#include <string>

#include "engine/autograd.h"
#include "engine/tensor.h"
#include "kernels/conv/conv.h"

namespace sg {

/// The catalogue of differentiable operations. Shapes in brackets; images are [N, H, W, C].
/// Every op checks its operands and throws Error(op, fact). All can be differentiated twice, and
/// all but instance_norm any number of times. Ops never change their operands.

// ---- elementwise -------------------------------------------------------------------------------
Tensor add(const Tensor& x, const Tensor& z);
Tensor sub(const Tensor& x, const Tensor& z);
Tensor mul(const Tensor& x, const Tensor& z);
Tensor affine(const Tensor& x, double scale, double shift = 0);  ///< scale x + shift
Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double slope);
/// grad_y where y > 0, slope grad_y elsewhere. Its derivative by y is zero almost everywhere.
Tensor leaky_relu_backward(const Tensor& grad_y, const Tensor& y, double slope);
Tensor tanh(const Tensor& x);
Tensor tanh_backward(const Tensor& grad_y, const Tensor& y);  ///< grad_y (1 - y^2), y = tanh(x)
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);    ///< log(1 + exp(x))
Tensor sqrt(const Tensor& x);        ///< derivative taken as 0 at x = 0
Tensor reciprocal(const Tensor& x);  ///< 1/x, 0 at 0
/// The same values in another type; gradients are converted back.
Tensor cast(const Tensor& x, DType dtype);

// ---- sums and their adjoints -------------------------------------------------------------------
// Sums of bf16 are f32. "rows" are the outermost axis (images), "channels" the innermost.
Tensor sum(const Tensor& x);                                                  ///< [...] -> [1]
Tensor mean(const Tensor& x);                                                 ///< [...] -> [1]
Tensor sum_rows(const Tensor& x);                                             ///< [N, ...] -> [N]
Tensor sum_channels(const Tensor& x);                                         ///< [..., C] -> [C]
Tensor broadcast(const Tensor& s, const Shape& shape, DType dtype);           ///< [1] -> shape
Tensor broadcast_rows(const Tensor& s, const Shape& shape, DType dtype);      ///< [N] -> [N, ...]
Tensor broadcast_channels(const Tensor& s, const Shape& shape, DType dtype);  ///< [C] -> [..., C]
Tensor scale_rows(const Tensor& x, const Tensor& s);  ///< x[n, ...] s[n], s [N] in master type
Tensor scale(const Tensor& x, const Tensor& s);       ///< x s, s [1] in master type

// ---- convolution -------------------------------------------------------------------------------
/// Formulas: kernels/conv/conv.h. Weights are [K, R, S, C] in f32 (f64 with f64 activations).
struct ConvOptions {
    int stride = 1;
    int pad = 0;
    /// Type of the products' operands, default: that of the first operand. With bf16 the operands
    /// are rounded to bf16 and products are summed in f32.
    std::optional<DType> compute = {};
    /// Type of the result, default: `compute`. f32 from bf16 keeps the unrounded sums.
    std::optional<DType> out = {};
    /// How devices multiply f32 (kernels/conv/conv.h). Derivatives carry it on.
    ConvMath math = ConvMath::strict;
    /// The layer, for errors; default: the weight's name. Derivatives carry it on.
    std::string layer = {};
};
/// x [N,H,W,C], w [K,R,S,C], bias [K] or undefined -> [N,P,Q,K]
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& options);
/// grad_y [N,P,Q,K], w [K,R,S,C] -> [N,height,width,C]: conv2d's gradient by x.
Tensor conv2d_dgrad(const Tensor& grad_y, const Tensor& w, int64_t height, int64_t width,
                    const ConvOptions& options);
/// x [N,H,W,C], grad_y [N,P,Q,K] -> [K,rows,columns,C] in master type: conv2d's gradient by w.
Tensor conv2d_wgrad(const Tensor& x, const Tensor& grad_y, int64_t rows, int64_t columns,
                    const ConvOptions& options);
/// Transposed convolution: conv2d_dgrad to height (P - 1) stride - 2 pad + R, width alike.
/// x [N,P,Q,K], w [K,R,S,C] (PyTorch's ConvTranspose2d weight [in, out, R, S], out last).
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ConvOptions& options);
/// Nearest-neighbour doubling: x [N,H,W,C] -> [N,2H,2W,C], each pixel four times.
Tensor upsample2x(const Tensor& x);
/// The adjoint: grad_y [N,2H,2W,C] -> [N,H,W,C], sums of 2x2 pixels.
Tensor upsample2x_backward(const Tensor& grad_y);

// ---- normalisation and labels ------------------------------------------------------------------
struct InstanceNormOptions {
    bool relu = false;
    Tensor residual = {};  ///< added after the ReLU; undefined for none
};
/// Instance normalisation with affine parameters gamma, beta [C] (kernels/instance_norm).
Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                     const InstanceNormOptions& options = {});
/// x [N,H,W,C], labels [N,L] in master type -> [N,H,W,C+L]: labels as constant planes. Labels
/// are data: they get no gradient.
Tensor label_concat(const Tensor& x, const Tensor& labels);
/// The first `channels` channels of grad_y: label_concat's gradient by x.
Tensor label_concat_backward(const Tensor& grad_y, int64_t channels);

// ---- losses (scalars [1], f32 or f64) ----------------------------------------------------------
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets);  ///< sum over L, mean over N
Tensor cross_entropy(const Tensor& logits, const Tensor& targets);    ///< targets one-hot [N, L]
Tensor l1_loss(const Tensor& x, const Tensor& z);                     ///< mean |x - z|
Tensor softmax(const Tensor& x);                                      ///< over the last axis
/// Columns [begin, begin + count) of x [N, L].
Tensor slice_columns(const Tensor& x, int64_t begin, int64_t count);
/// The adjoint: x [N, count] placed at column `begin` of zeros [N, columns].
Tensor embed_columns(const Tensor& x, int64_t begin, int64_t columns);
/// [N, ...] -> [N, product of the rest].
Tensor flatten(const Tensor& x);

/// Applies the shape without copying; differentiable.
Tensor reshape(const Tensor& x, const Shape& shape);

}  // namespace sg
