#include "kernels/loss/loss.h"

#include <cmath>

#include "kernels/common/block_reduce.cuh"
#include "kernels/common/elementwise.cuh"
#include "kernels/common/piece.h"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels. grad may be null; those of the means may be x: the thread that reads an element writes
// it, afterwards.

constexpr int loss_threads = 256, class_threads = 512, warp = 32;

/// A few hundred elements: one block.
__global__ void __launch_bounds__(class_threads)
    bce_kernel(int64_t N, int64_t count, Global<const float> logits, Global<const float> targets,
               Global<float> value, Global<float> grad, float factor) {
    float sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += class_threads) {
        const float z = logits[i], y = targets[i];
        const float e = expf(-fabsf(z));  // never overflows
        sum += fmaxf(z, 0.0f) - z * y + log1pf(e);
        if (grad) grad[i] = factor * ((z >= 0 ? 1.0f : e) / (1.0f + e) - y);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) *value = sum / float(N);
}

/// The largest of a row's values and the sum of exp(x - largest): a warp per row.
struct Exponentials {
    float largest, sum;
};
__device__ Exponentials row_exponentials(Global<const float> row, int64_t L, int lane) {
    float largest = -INFINITY, sum = 0;
    for (int64_t l = lane; l < L; l += warp) largest = fmaxf(largest, row[l]);
    largest = warp_max(largest);
    for (int64_t l = lane; l < L; l += warp) sum += expf(row[l] - largest);
    return {largest, warp_sum(sum)};
}

/// y may be x: a lane reads its elements of the row before it writes them, and no other's.
__global__ void __launch_bounds__(loss_threads)
    softmax_kernel(int64_t N, int64_t L, Global<const float> x, Global<float> y) {
    const int lane = int(threadIdx.x) % warp;
    for (int64_t n = grid_thread() / warp; n < N; n += grid_threads() / warp) {
        const Exponentials row = row_exponentials(x + n * L, L, lane);
        for (int64_t l = lane; l < L; l += warp)
            y[n * L + l] = expf(x[n * L + l] - row.largest) / row.sum;
    }
}

/// One block, whose warps take turns at the rows.
__global__ void __launch_bounds__(class_threads)
    cross_entropy_kernel(int64_t N, int64_t L, Global<const float> logits,
                         Global<const float> targets, Global<float> value, Global<float> grad,
                         float factor) {
    const int lane = int(threadIdx.x) % warp;
    float total = 0;
    for (int64_t n = threadIdx.x / warp; n < N; n += class_threads / warp) {
        const Global<const float> z = logits + n * L, y = targets + n * L;
        const Exponentials row = row_exponentials(z, L, lane);
        for (int64_t l = lane; l < L; l += warp) {
            const float target = y[l], logit = z[l];
            total -= target * logit;
            if (grad) grad[n * L + l] = factor * (expf(logit - row.largest) / row.sum - target);
        }
        if (lane == 0) total += row.largest + logf(row.sum);
    }
    total = block_sum(total);
    if (threadIdx.x == 0) *value = total / float(N);
}

enum class Mean { absolute_difference, plain };

/// The term of one element, and its share of the gradient in units of factor.
template <Mean kind>
__device__ float term(float x, float z) {
    return kind == Mean::plain ? x : fabsf(x - z);
}
template <Mean kind>
__device__ float slope(float x, float z) {
    return kind == Mean::plain ? 1.0f : float(x > z) - float(x < z);
}

/// partial[p] = the sum of piece p's terms: a block per piece, N elements per thread and step, then
/// what is left over, one element per thread. z is null for the plain mean.
template <int N, Mean kind>
__global__ void __launch_bounds__(loss_threads)
    mean_kernel(int64_t count, Global<const float> x, Global<const float> z, Global<float> partial,
                Global<float> grad, float factor) {
    for (int64_t begin = blockIdx.x * device_piece; begin < count;
         begin += gridDim.x * device_piece) {
        const int64_t end = min(count, begin + device_piece);
        float sum = 0;
#pragma unroll 4
        for (int64_t i = begin + int64_t(threadIdx.x) * N; i + N <= end; i += loss_threads * N) {
            Vec<float, N> a = load<N>(x + i), b = a;
            if constexpr (kind == Mean::absolute_difference) b = load<N>(z + i);
#pragma unroll
            for (int k = 0; k < N; ++k) {
                sum += term<kind>(a[k], b[k]);
                a[k] = factor * slope<kind>(a[k], b[k]);
            }
            if (grad) store(grad + i, a);
        }
        const int64_t rest = end - (end - begin) % N + threadIdx.x;
        if (rest < end) {
            const float a = x[rest], b = kind == Mean::plain ? 0.0f : z[rest];
            sum += term<kind>(a, b);
            if (grad) grad[rest] = factor * slope<kind>(a, b);
        }
        sum = block_sum(sum);
        if (threadIdx.x == 0) partial[begin / device_piece] = sum;
    }
}

/// The pieces' sums become the mean: one block.
__global__ void __launch_bounds__(loss_threads)
    mean_of_pieces_kernel(int64_t count, Global<const float> partial, Global<float> value) {
    float sum = 0;
    for (int64_t p = threadIdx.x; p < pieces_of(count, device_piece); p += loss_threads)
        sum += partial[p];
    sum = block_sum(sum);
    if (threadIdx.x == 0) *value = sum / float(count);
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <Mean kind, class Device>
void launch_mean(Device& device, int64_t count, const float* x, const float* z, float* workspace,
                 float* value, float* grad, double weight) {
    const auto blocks = unsigned(std::clamp<int64_t>(pieces_of(count, device_piece), 1,
                                                     int64_t{8} * device.properties().processors));
    const Launch config{.kernel = "mean_kernel", .grid = blocks, .block = loss_threads};
    const float factor = float(weight / double(count));
    constexpr int N = vec_width<float>;
    if (aligned_to(16, x, z, grad))
        launch(device, config, mean_kernel<N, kind>, count, x, z, workspace, grad, factor);
    else
        launch(device, config, mean_kernel<1, kind>, count, x, z, workspace, grad, factor);
    launch(device, {.kernel = "mean_of_pieces_kernel", .grid = 1, .block = loss_threads},
           mean_of_pieces_kernel, count, workspace, value);
}

}  // namespace

template <DeviceContext Device, class T>
void bce_with_logits_forward(Device& device, const BceArgs<T>& args) {
    launch(device, {.kernel = "bce_kernel", .grid = 1, .block = class_threads}, bce_kernel, args.N,
           args.N * args.L, args.logits, args.targets, args.value, args.grad_logits,
           float(args.weight / double(args.N)));
}

template <DeviceContext Device, class T>
void softmax_forward(Device& device, const SoftmaxArgs<T>& args) {
    launch(device, elementwise_launch(device.properties(), "softmax_kernel", args.N * warp),
           softmax_kernel, args.N, args.L, args.x, args.y);
}

template <DeviceContext Device, class T>
void cross_entropy_forward(Device& device, const BceArgs<T>& args) {
    launch(device, {.kernel = "cross_entropy_kernel", .grid = 1, .block = class_threads},
           cross_entropy_kernel, args.N, args.L, args.logits, args.targets, args.value,
           args.grad_logits, float(args.weight / double(args.N)));
}

template <DeviceContext Device, class T>
void l1_forward(Device& device, const L1Args<T>& args) {
    launch_mean<Mean::absolute_difference>(device, args.count, args.x, args.z, args.workspace,
                                           args.value, args.grad_x, args.weight);
}

template <DeviceContext Device, class T>
void mean_forward(Device& device, const MeanArgs<T>& args) {
    launch_mean<Mean::plain>(device, args.count, args.x, static_cast<const float*>(nullptr),
                             args.workspace, args.value, args.grad_x, args.weight);
}

template void bce_with_logits_forward(ThisDevice&, const BceArgs<float>&);
template void softmax_forward(ThisDevice&, const SoftmaxArgs<float>&);
template void cross_entropy_forward(ThisDevice&, const BceArgs<float>&);
template void l1_forward(ThisDevice&, const L1Args<float>&);
template void mean_forward(ThisDevice&, const MeanArgs<float>&);

}  // namespace sg
