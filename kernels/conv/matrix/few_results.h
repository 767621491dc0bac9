#pragma once

#include "kernels/conv/conv_cache.h"
#include "kernels/conv/matrix/gather.h"
#include "kernels/conv/matrix/product.h"
#include "kernels/conv/matrix/target.h"

// A stride-1 convolution to few channels (G's 7x7 head: three) would use 3 of a vector's 16 lanes
// if these held results. Here they hold the many channels on the other side ("wide"), 16 at a time:
//   forward   y[p, q, k] = sum of the lanes of
//                          sum over r, s of x[p+r, q+s, :] w[k, r, s, :]
//   wgrad     grad_w[k, r, s, :] = sum over p, q of grad_y[p, q, k] x[p+r, q+s, :]
// so no lane is idle. Some pixels times all results stay in registers, in wgrad the taps of a row
// of the kernel times all results. dgrad to few channels is forward with the kernel turned.

namespace sg {

/// Whether a pass with `results` channels per pixel is computed that way.
inline bool has_few_results(const ConvShape& s, int64_t results) {
    constexpr int64_t most_results = 4, most_taps = 8;
    constexpr int64_t least_columns = 16;  // of the image: its edges go pixel by pixel
    return s.stride == 1 && s.S > 1 && s.S <= most_taps && results <= most_results &&
           std::min(s.W, s.Q()) >= least_columns;
}

/// A pass as a correlation: result pixel (p, q) meets tap (r, s) at pixel (p + r - pad_y,
/// q + s - pad_x) of the image that is read.
struct FewResults {
    int64_t N, H, W, C;  ///< the image that is read, with its wide channels
    int64_t P, Q, K;     ///< the result
    int64_t R, S, pad_y, pad_x;

    int64_t padded_channels() const { return blocks(C, vector_floats) * vector_floats; }
};
inline FewResults few_forward(const ConvShape& s) {
    return {s.N, s.H, s.W, s.C, s.P(), s.Q(), s.K, s.R, s.S, s.pad, s.pad};
}
inline FewResults few_dgrad(const ConvShape& s) {
    return {s.N, s.P(), s.Q(), s.K, s.H, s.W, s.C, s.R, s.S, s.R - 1 - s.pad, s.S - 1 - s.pad};
}

/// forward, and dgrad's other way of it. weights: [K][R][S][padded_channels()], zero behind C.
template <class T, class Out>
void few_results(CpuContext& context, const FewResults& f, const T* image, const float* weights,
                 const Target<Out>& target);

/// wgrad, of the convolution that forward computes. The bits do not depend on the threads.
template <class T>
void few_results_wgrad(CpuContext& context, const ConvWgradArgs<T>& args);

}  // namespace sg
