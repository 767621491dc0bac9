#include "kernels/adam/split_master.h"

#include "kernels/common/elementwise.cuh"

namespace sg {

namespace {

// Both pass once over the values, N per thread and step; what is left over, one by one. They run
// when parameters are set or saved, not in training: `adam.cu` has the halves in its registers.

template <int N>
__device__ void split(Global<const float> values, Global<bf16> high, Global<int16_t> low,
                      int64_t i) {
    const Vec<float, N> x = load<N>(values + i);
    Vec<bf16, N> h;
    Vec<int16_t, N> l;
#pragma unroll
    for (int k = 0; k < N; ++k) {
        const SplitF32 halves = split_f32(x[k]);
        h[k] = halves.high;
        l[k] = halves.low;
    }
    store(high + i, h);
    store(low + i, l);
}

template <int N>
__global__ void split_master_kernel(int64_t count, Global<const float> values, Global<bf16> high,
                                    Global<int16_t> low) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        split<N>(values, high, low, i);
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) split<1>(values, high, low, rest);
}

template <int N>
__device__ void join(Global<const bf16> high, Global<const int16_t> low, Global<float> values,
                     int64_t i) {
    const Vec<bf16, N> h = load<N>(high + i);
    const Vec<int16_t, N> l = load<N>(low + i);
    Vec<float, N> x;
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = join_f32(h[k], l[k]);
    store(values + i, x);
}

template <int N>
__global__ void join_master_kernel(int64_t count, Global<const bf16> high,
                                   Global<const int16_t> low, Global<float> values) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        join<N>(high, low, values, i);
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) join<1>(high, low, values, rest);
}

}  // namespace

template <DeviceContext Device>
void split_master(Device& device, const SplitArgs& args) {
    constexpr int N = vec_width<float>;
    const bool wide = aligned_to(16, args.values) && aligned_to(8, args.high, args.low);
    const Launch shape = elementwise_launch(device.properties(), "split_master_kernel",
                                            args.count / (wide ? N : 1) + 1);
    launch(device, shape, wide ? split_master_kernel<N> : split_master_kernel<1>, args.count,
           args.values, args.high, args.low);
}

template <DeviceContext Device>
void join_master(Device& device, const JoinArgs& args) {
    constexpr int N = vec_width<float>;
    const bool wide = aligned_to(16, args.values) && aligned_to(8, args.high, args.low);
    const Launch shape = elementwise_launch(device.properties(), "join_master_kernel",
                                            args.count / (wide ? N : 1) + 1);
    launch(device, shape, wide ? join_master_kernel<N> : join_master_kernel<1>, args.count,
           args.high, args.low, args.values);
}

template void split_master(ThisDevice&, const SplitArgs&);
template void join_master(ThisDevice&, const JoinArgs&);

}  // namespace sg
