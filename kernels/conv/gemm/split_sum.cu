#include "kernels/common/elementwise.cuh"
#include "kernels/conv/gemm/launch.cuh"

namespace sg {

namespace {

template <int V, class T>
__global__ void conv_split_sum_kernel(GemmGrid<T> grid, int shares, Divider channels) {
    for (int64_t i = grid_thread() * V; i < grid.result_size; i += grid_threads() * V) {
        Vec<float, V> sum = load<V>(Global<const float>(grid.partials + i));
        for (int share = 1; share < shares; ++share) {
            const auto next =
                load<V>(Global<const float>(grid.partials + i + share * grid.result_size));
            for (int e = 0; e < V; ++e) sum[e] += next[e];
        }
        int rest = int(i);
        store_result(grid.result, sum, channels.split(rest), i);
    }
}

}  // namespace

template <DeviceContext Device, class T>
void conv_split_sum(Device& device, const GemmGrid<T>& grid, int shares, int channels) {
    const char* kernel = "conv_split_sum_kernel";
    const auto run = [&](auto kernel_function, int64_t items) {
        launch(device, elementwise_launch(device.properties(), kernel, items), kernel_function,
               grid, shares, Divider(channels));
    };
    if (grid.vectors)
        run(conv_split_sum_kernel<4, T>, grid.result_size / 4);
    else
        run(conv_split_sum_kernel<1, T>, grid.result_size);
}
template void conv_split_sum(ThisDevice&, const GemmGrid<float>&, int, int);
template void conv_split_sum(ThisDevice&, const GemmGrid<bf16>&, int, int);

}  // namespace sg
