#pragma once

#include "kernels/common/device.cuh"
#include "kernels/conv/conv.h"

// What happens to a sum between the registers and memory (ConvEpilogue), for every kernel here.

namespace sg {

/// The result's memory and the operands of its epilogue, as a kernel's argument. The type of the
/// result is chosen at run time: one branch per store instead of two copies of each kernel.
template <class T>
struct ConvResult {
    Global<T> rounded;   ///< the result in T, or null:
    Global<float> wide;  ///< the result in f32
    Global<const float> bias;
    float slope;
    Global<const T> mask;
    float mask_slope;
    Global<const T> residual;
};

/// (static: `Global` is another type in nvcc's compilation of this function.)
template <class T, class Out>
static ConvResult<T> conv_result(const ConvEpilogue<T>& e, Out* out) {
    ConvResult<T> result{nullptr, nullptr, e.bias, e.slope, e.mask, e.mask_slope, e.residual};
    if constexpr (std::is_same_v<Out, float>)
        result.wide = out;
    else
        result.rounded = out;
    return result;
}

/// Whether `store_result<4>` may be used: groups of four channels and the pointers' alignment.
template <class T>
bool result_vectors(const ConvEpilogue<T>& e, const void* out, size_t out_bytes, int64_t channels) {
    const auto at = [](const void* p, size_t bytes) {
        return reinterpret_cast<uintptr_t>(p) % bytes == 0;
    };
    return channels % 4 == 0 && at(out, 4 * out_bytes) && at(e.bias, 16) &&
           at(e.mask, 4 * sizeof(T)) && at(e.residual, 4 * sizeof(T));
}

/// Applies the epilogue to V neighbouring channels' sums and stores them as elements
/// [element, element + V) of the result.
template <int V, class T>
__device__ inline void store_result(const ConvResult<T>& r, Vec<float, V> v, int channel,
                                    int64_t element) {
    if (r.bias) {
        const auto bias = load<V>(r.bias + channel);
        for (int i = 0; i < V; ++i) v[i] += bias[i];
    }
    if (r.slope != 1.0f)
        for (int i = 0; i < V; ++i) v[i] = v[i] > 0.0f ? v[i] : r.slope * v[i];
    if (r.mask) {
        const auto mask = load<V>(r.mask + element);
        for (int i = 0; i < V; ++i) v[i] = float(mask[i]) > 0.0f ? v[i] : r.mask_slope * v[i];
    }
    if (r.residual) {
        const auto residual = load<V>(r.residual + element);
        for (int i = 0; i < V; ++i) v[i] += float(residual[i]);
    }
    if (r.wide) {
        store(r.wide + element, v);
    } else {
        Vec<T, V> out;
        for (int i = 0; i < V; ++i) out[i] = T(v[i]);
        store(r.rounded + element, out);
    }
}

}  // namespace sg
