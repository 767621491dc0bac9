#include "kernels/reduce/reduce.h"

#include <cmath>
#include <type_traits>

#include "kernels/common/block_reduce.cuh"
#include "kernels/common/elementwise.cuh"
#include "kernels/common/piece.h"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels. Both sums run twice: over x into the workspace, and over the workspace into y.

constexpr int row_threads = 256;

/// y[r, p] = the sum of piece p of row r: a block per piece. `pieces` = columns / piece, rounded
/// up. For N > 1 columns and piece are multiples of N.
template <int N, class T>
__global__ void __launch_bounds__(row_threads)
    sum_rows_kernel(int64_t items, int64_t columns, int64_t piece, int64_t pieces,
                    Global<const T> x, Global<float> y) {
    for (int64_t item = blockIdx.x; item < items; item += gridDim.x) {
        const int64_t begin = item % pieces * piece, end = min(columns, begin + piece);
        const Global<const T> row = x + item / pieces * columns;
        float sum = 0;
#pragma unroll 4
        for (int64_t i = begin + int64_t(threadIdx.x) * N; i < end; i += row_threads * N) {
            const Vec<T, N> values = load<N>(row + i);
#pragma unroll
            for (int k = 0; k < N; ++k) sum += float(values[k]);
        }
        sum = block_sum(sum);
        if (threadIdx.x == 0) y[item] = sum;
    }
}

/// A block adds `piece` rows of `groups` neighbouring vectors of N channels. Its threads stand
/// side by side along the channels and in `lines` (a power of 2) below each other: thread t has
/// group t % groups and every lines-th row from t / groups.
struct ChannelPlan {
    int64_t rows, columns, piece;
    int groups, lines;
};
constexpr int channel_groups = 32;  // side by side at most: 512 bytes
constexpr int first_threads = 256, second_threads = 1024;

/// y[p, c] = the sum of x[r, c] over the rows r of piece p. Grid: (column tiles, pieces).
template <int N, int threads, class T>
__global__ void __launch_bounds__(threads)
    sum_channels_kernel(ChannelPlan plan, Global<const T> x, Global<float> y) {
    __shared__ SharedArray<float, N * threads> partial;  // [N, threads]: neighbours, other banks
    const int t = int(threadIdx.x), line = t / plan.groups;
    const int64_t c = (int64_t(blockIdx.x) * plan.groups + t % plan.groups) * N;
    const int64_t begin = blockIdx.y * plan.piece, end = min(plan.rows, begin + plan.piece);
    const bool active = line < plan.lines && c < plan.columns;
    float sum[N] = {};
    if (active)
#pragma unroll 4
        for (int64_t r = begin + line; r < end; r += plan.lines) {
            const Vec<T, N> values = load<N>(x + (r * plan.columns + c));
#pragma unroll
            for (int k = 0; k < N; ++k) sum[k] += float(values[k]);
        }
#pragma unroll
    for (int k = 0; k < N; ++k) partial[k * threads + t] = sum[k];
    for (int half = plan.lines / 2; half > 0; half /= 2) {
        __syncthreads();
        if (line < half)
#pragma unroll
            for (int k = 0; k < N; ++k)
                partial[k * threads + t] += float(partial[k * threads + t + half * plan.groups]);
    }
    if (active && line == 0)  // thread t has just written what it reads here
#pragma unroll
        for (int k = 0; k < N; ++k)
            y[blockIdx.y * plan.columns + c + k] = float(partial[k * threads + t]);
}

__device__ inline bool finite(float x) {
    return fabsf(x) <= 3.402823466e+38f;  // NaN compares as false
}

/// A thread stops at the first one it finds, so that NaN everywhere is not as many atomics.
template <int N, class T>
__global__ void find_non_finite_kernel(int64_t count, Global<const T> x, int32_t number,
                                       Global<const int32_t> halted, Global<int32_t> tensor) {
    if (*halted) return;
    bool good = true;
    for (int64_t i = grid_thread() * N; good && i + N <= count; i += grid_threads() * N) {
        const Vec<T, N> values = load<N>(x + i);
#pragma unroll
        for (int k = 0; k < N; ++k) good &= finite(float(values[k]));
    }
    const int64_t rest = count - count % N + grid_thread();
    if (good && rest < count) good = finite(float(x[rest]));
    if (!good) atomicMin(tensor, number);
}

__global__ void end_check_kernel(Global<FiniteReport> report) {
    FiniteReport now = report[0];
    if (now.halted) return;
    if (now.tensor == FiniteReport::none)
        ++now.checks;
    else
        now.halted = 1;
    report[0] = now;
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <int N, class Device, class T>
void launch_rows(Device& device, int64_t rows, int64_t columns, int64_t piece, const T* x,
                 float* y) {
    const int64_t pieces = std::max<int64_t>(1, pieces_of(columns, piece)), items = rows * pieces;
    const auto blocks =
        unsigned(std::clamp<int64_t>(items, 1, int64_t{8} * device.properties().processors));
    launch(device, {.kernel = "sum_rows_kernel", .grid = blocks, .block = row_threads},
           sum_rows_kernel<N, T>, items, columns, piece, pieces, x, y);
}

template <int N, int threads, class Device, class T>
void launch_channels(Device& device, int64_t rows, int64_t columns, int64_t piece, const T* x,
                     float* y) {
    ChannelPlan plan{.rows = rows, .columns = columns, .piece = piece, .groups = 1, .lines = 1};
    plan.groups = int(std::min<int64_t>(channel_groups, columns / N));
    while (2 * plan.lines * plan.groups <= threads) plan.lines *= 2;
    const Extent3 grid = {unsigned(pieces_of(columns, plan.groups * N)),
                          unsigned(std::max<int64_t>(1, pieces_of(rows, piece)))};
    launch(device, {.kernel = "sum_channels_kernel", .grid = grid, .block = threads},
           sum_channels_kernel<N, threads, T>, plan, x, y);
}

template <class T>
constexpr int width = vec_width<T>;

}  // namespace

template <DeviceContext Device, class T>
void sum_rows(Device& device, const SumArgs<T>& args) {
    const int64_t pieces = std::max<int64_t>(1, pieces_of(args.columns, device_piece));
    float* first = pieces > 1 ? args.workspace : args.y;
    if (aligned_to(16, args.x) && args.columns % width<T> == 0)
        launch_rows<width<T>>(device, args.rows, args.columns, device_piece, args.x, first);
    else
        launch_rows<1>(device, args.rows, args.columns, device_piece, args.x, first);
    if (pieces > 1) launch_rows<1, Device, float>(device, args.rows, pieces, pieces, first, args.y);
}

template <DeviceContext Device, class T>
void sum_channels(Device& device, const SumArgs<T>& args) {
    if (args.columns == 0) return;
    const int64_t piece = device_piece_rows(args.rows), pieces = pieces_of(args.rows, piece);
    float* first = pieces > 1 ? args.workspace : args.y;
    if (aligned_to(16, args.x) && args.columns % width<T> == 0)
        launch_channels<width<T>, first_threads>(device, args.rows, args.columns, piece, args.x,
                                                 first);
    else
        launch_channels<1, first_threads>(device, args.rows, args.columns, piece, args.x, first);
    if (pieces > 1)
        launch_channels<1, second_threads, Device, float>(device, pieces, args.columns, pieces,
                                                          first, args.y);
}

template <DeviceContext Device, class T>
void find_non_finite(Device& device, const NonFiniteArgs<T>& args) {
    const auto run = [&](auto number) {
        constexpr int N = decltype(number)::value;
        launch(
            device,
            elementwise_launch(device.properties(), "find_non_finite_kernel", args.count / N + 1),
            find_non_finite_kernel<N, T>, args.count, args.x, args.number, &args.report->halted,
            &args.report->tensor);
    };
    if (aligned_to(16, args.x))
        run(std::integral_constant<int, width<T>>{});
    else
        run(std::integral_constant<int, 1>{});
}

template <DeviceContext Device>
void end_check(Device& device, FiniteReport* report) {
    launch(device, {.kernel = "end_check_kernel", .grid = 1, .block = 1}, end_check_kernel, report);
}

template void end_check(ThisDevice&, FiniteReport*);

#define SG_INSTANTIATE(T)                                       \
    template void sum_rows(ThisDevice&, const SumArgs<T>&);     \
    template void sum_channels(ThisDevice&, const SumArgs<T>&); \
    template void find_non_finite(ThisDevice&, const NonFiniteArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
#undef SG_INSTANTIATE

}  // namespace sg
