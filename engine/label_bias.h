#pragma once

#include "engine/ops.h"

// Labels without planes for them, and without history: what a convolution of [x ; label planes]
// adds to that of x in front of an instance normalisation. The kernel is R x R with R odd, stride
// 1, padding (R-1)/2; x is at least as large. Formulas: kernels/label_concat/label_concat.h; a
// constant per image and channel, which the normalisation removes, is left out.

namespace sg {

/// y [N,H,W,K] += the labels' part. labels [N,L] and w [K,R,R,C+L], both master type; the labels'
/// weights are the last L of w.
void add_labels(const Tensor& y, const Tensor& labels, const Tensor& w);

/// The labels' part of grad_w [K,R,R,C+L], master type, is overwritten; the rest is kept. grad_y
/// [N,H,W,K] comes from an instance normalisation: it sums to zero in every channel of an image.
void write_label_gradients(const Tensor& grad_w, const Tensor& grad_y, const Tensor& labels);

}  // namespace sg
