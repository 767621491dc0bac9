#include "kernels/adam/split_master.cuh"

namespace sg {

namespace {

// Both pass once over the values, N per thread and step; what is left over, one by one. They run
// when parameters are set or saved, not in training: `adam.cu` has the halves in its registers.

template <int N>
__global__ void split_master_kernel(int64_t count, Global<const float> values, SplitMaster halves) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        halves.put(i, load<N>(values + i));
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) halves.put(rest, load<1>(values + rest));
}

template <int N>
__global__ void join_master_kernel(int64_t count, SplitMaster halves, Global<float> values) {
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        store(values + i, halves.get<N>(i));
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) store(values + rest, halves.get<1>(rest));
}

/// As many elements at once as the pointers allow: run(constant).
template <class Run>
void with_width(int64_t count, const float* values, const bf16* high, const int16_t* low,
                const Run& run) {
    constexpr int most = vec_width<float>;
    if (aligned_to(16, values) && aligned_to(8, high, low))
        run(std::integral_constant<int, most>{}, count / most + 1);
    else
        run(std::integral_constant<int, 1>{}, count + 1);
}

}  // namespace

template <DeviceContext Device>
void split_master(Device& device, const SplitArgs& args) {
    with_width(args.count, args.values, args.high, args.low, [&](auto width, int64_t items) {
        launch(device, elementwise_launch(device.properties(), "split_master_kernel", items),
               split_master_kernel<decltype(width)::value>, args.count, args.values,
               SplitMaster{args.high, args.low});
    });
}

template <DeviceContext Device>
void join_master(Device& device, const JoinArgs& args) {
    with_width(args.count, args.values, args.high, args.low, [&](auto width, int64_t items) {
        // The kernel only reads the halves.
        const SplitMaster halves{const_cast<bf16*>(args.high), const_cast<int16_t*>(args.low)};
        launch(device, elementwise_launch(device.properties(), "join_master_kernel", items),
               join_master_kernel<decltype(width)::value>, args.count, halves, args.values);
    });
}

template void split_master(ThisDevice&, const SplitArgs&);
template void join_master(ThisDevice&, const JoinArgs&);

}  // namespace sg
