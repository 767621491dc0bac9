#pragma once

#include "kernels/common/elementwise.cuh"
#include "kernels/instance_norm/ladder/ladder.h"
#include "kernels/instance_norm/slab.cuh"

namespace sg {

/// What every version takes.
template <class T>
struct LadderArgs {
    InstanceNormShape s;
    Global<const T> x;
    Global<const float> gamma, beta;
    Global<const T> residual;
    bool relu;
    bool vectors;  ///< whether 16-byte accesses are possible
    Global<T> y;
    Global<float> mean, rstd;

    explicit LadderArgs(const InstanceNormForwardArgs<T>& args)
        : s(args.shape),
          x(args.x),
          gamma(args.gamma),
          beta(args.beta),
          residual(args.residual),
          relu(args.relu),
          vectors(slab_vectors<T>(args.shape.C, args.x, args.residual, args.y)),
          y(args.y),
          mean(args.mean),
          rstd(args.rstd) {}

    /// What an output of one channel needs besides x: read once, in front of the pixels.
    struct Channel {
        float gamma, beta, mean, rstd;
    };
    __device__ Channel channel(int64_t c, float mean, float rstd) const {
        return {gamma[c], beta[c], mean, rstd};
    }
    __device__ float output(float x, float residual, const Channel& k) const {
        float value = instance_norm_affine((x - k.mean) * k.rstd, k.gamma, k.beta);
        if (relu && value <= 0) value = 0;
        return value + residual;
    }
    /// y[i] of an element of that channel.
    __device__ void write(int64_t i, const Channel& k) const {
        y[i] = T(output(float(x[i]), residual ? float(residual[i]) : 0.0f, k));
    }
    __device__ float rstd_of(float squares) const {
        return 1.0f / sqrtf(squares / float(s.M) + float(instance_norm_eps));
    }
};

template <class Device, class T>
void launch_v1(Device& device, const LadderArgs<T>& args);
template <class Device, class T>
void launch_v2(Device& device, const LadderArgs<T>& args);
template <class Device, class T>
void launch_v3(Device& device, const LadderArgs<T>& args);
template <class Device, class T>
void launch_v4(Device& device, const LadderArgs<T>& args);

#define SG_INSTANTIATE_VERSION(function)                           \
    template void function(ThisDevice&, const LadderArgs<float>&); \
    template void function(ThisDevice&, const LadderArgs<bf16>&)

}  // namespace sg
