#pragma once

#include "kernels/common/elementwise.cuh"
#include "kernels/conv/epilogue.cuh"
#include "kernels/conv/ladder/ladder.h"

namespace sg {

/// ConvShape in 32 bits: ladder.cu has checked that the tensors have less than 2^31 elements.
struct ConvExtents {
    int N, H, W, C, K, R, S, stride, pad, P, Q;

    explicit ConvExtents(const ConvShape& s)
        : N(int(s.N)),
          H(int(s.H)),
          W(int(s.W)),
          C(int(s.C)),
          K(int(s.K)),
          R(int(s.R)),
          S(int(s.S)),
          stride(int(s.stride)),
          pad(int(s.pad)),
          P(int(s.P())),
          Q(int(s.Q())) {}
    /// Rows of y, and columns of a filter, seen as matrices: README.md.
    SG_HOST_DEVICE int pixels() const { return N * P * Q; }
    SG_HOST_DEVICE int columns() const { return R * S * C; }
};

/// What every version of the forward pass takes; T is the type of x and w.
template <class T>
struct ConvForwardLadder {
    ConvExtents d;
    Global<const T> x, w;
    ConvResult<T> y;
    int values = 1;  ///< channels of x and w that one access may take: 8 (bf16), 4 or 1
    bool pairs;      ///< whether two neighbouring results may be stored at once

    template <class Out>
    explicit ConvForwardLadder(const ConvForwardArgs<T, Out, T>& args)
        : d(args.shape),
          x(args.x),
          w(args.w),
          y(conv_result(args.epilogue, args.y)),
          pairs(result_vectors(args.epilogue, args.y, sizeof(Out), args.shape.K)) {
        for (const int n : {4, vec_width<T>})
            if (d.C % n == 0 && aligned_to(n * sizeof(T), args.x, args.w)) values = n;
    }
};

template <class T>
struct ConvDgradLadder {
    ConvExtents d;
    Global<const T> grad_y, w;
    ConvResult<T> grad_x;
};

template <class T>
struct ConvWgradLadder {
    ConvExtents d;
    Global<const T> x, grad_y;
    Global<float> grad_w;
};

template <class Device, class T>
void launch_conv_v1(Device& device, const ConvForwardLadder<T>& args);
template <class Device, class T>
void launch_conv_dgrad_v1(Device& device, const ConvDgradLadder<T>& args);
template <class Device, class T>
void launch_conv_wgrad_v1(Device& device, const ConvWgradLadder<T>& args);
template <class Device, class T>
void launch_conv_v2(Device& device, const ConvForwardLadder<T>& args);
template <class Device, class T>
void launch_conv_v3(Device& device, const ConvForwardLadder<T>& args);
template <class Device, class T>
void launch_conv_v4(Device& device, const ConvForwardLadder<T>& args);
template <class Device>
void launch_conv_v5(Device& device, const ConvForwardLadder<bf16>& args);

}  // namespace sg
