#include "kernels/gradient_penalty/gradient_penalty.h"

#include <type_traits>

#include "kernels/common/block_reduce.cuh"
#include "kernels/common/elementwise.cuh"
#include "kernels/common/piece.h"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels. Images are rows of the grid: blockIdx.y strides over them, so that nobody divides by M.
// N values per thread and step: the launchers choose N = 1 where M is not a multiple of more.

template <int N, class T>
__global__ void interpolate_kernel(int64_t images, int64_t M, Global<const T> real,
                                   Global<const T> fake, Global<const float> alpha,
                                   Global<T> x_hat) {
    for (int64_t n = blockIdx.y; n < images; n += gridDim.y) {
        const float a = alpha[n];
        for (int64_t i = grid_thread() * N; i < M; i += grid_threads() * N) {
            Vec<T, N> values = load<N>(real + n * M + i);
            const Vec<T, N> other = load<N>(fake + n * M + i);
#pragma unroll
            for (int k = 0; k < N; ++k)
                values[k] = T(a * float(values[k]) + (1.0f - a) * float(other[k]));
            store(x_hat + n * M + i, values);
        }
    }
}

template <int N, class T>
__global__ void leaky_mask_kernel(int64_t images, int64_t M, Global<const T> x, Global<const T> a,
                                  Global<const float> scale, float slope, Global<T> y) {
    for (int64_t n = blockIdx.y; n < images; n += gridDim.y) {
        const float factor = scale ? float(scale[n]) : 1.0f;
        for (int64_t i = grid_thread() * N; i < M; i += grid_threads() * N) {
            Vec<T, N> values = load<N>(x + n * M + i);
            const Vec<T, N> sign = load<N>(a + n * M + i);
#pragma unroll
            for (int k = 0; k < N; ++k)
                values[k] = T((float(sign[k]) > 0 ? 1.0f : slope) * float(values[k]) * factor);
            store(y + n * M + i, values);
        }
    }
}

template <class T>
__global__ void patch_seeds_kernel(int64_t size, float mean, Global<T> seeds) {
    for (int64_t i = grid_thread(); i < 3 * size; i += grid_threads())
        seeds[i] = T(i < size ? -mean : i < 2 * size ? mean : 1.0f);
}

constexpr int square_threads = 256;  // four 16-byte loads of each make a piece

/// partial[n,c] = the sum of squares of piece c of image n: a block each.
template <int N>
__global__ void __launch_bounds__(square_threads)
    square_sums_kernel(int64_t M, int64_t pieces, Global<const float> g, Global<float> partial) {
    const int64_t begin = blockIdx.x % pieces * device_piece, end = min(M, begin + device_piece);
    const Global<const float> image = g + blockIdx.x / pieces * M;
    float sum = 0;
#pragma unroll 8  // loads under way at once: few blocks must keep the memory busy
    for (int64_t i = begin + int64_t(threadIdx.x) * N; i < end; i += square_threads * N) {
        const Vec<float, N> values = load<N>(image + i);
#pragma unroll
        for (int k = 0; k < N; ++k) sum += values[k] * values[k];
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

constexpr int penalty_threads = 128;

/// One block: a thread per image adds its pieces in order, then the images are added.
__global__ void __launch_bounds__(penalty_threads)
    penalty_kernel(int64_t images, int64_t pieces, Global<const float> partial, Global<float> norm,
                   Global<float> k, Global<float> value) {
    float total = 0;
    for (int64_t n = threadIdx.x; n < images; n += penalty_threads) {
        float sum = 0;
        for (int64_t c = 0; c < pieces; ++c) sum += partial[n * pieces + c];
        const float length = sqrtf(sum);
        norm[n] = length;
        k[n] = length > 0 ? 2.0f / float(images) * (1.0f - 1.0f / length) : 0.0f;
        total += (length - 1.0f) * (length - 1.0f);
    }
    total = block_sum(total);
    if (threadIdx.x == 0) value[0] = total / float(images);
}

// ---------------------------------------------------------------------------------------------
// Launchers

/// A grid whose rows are images, of `items` pieces of work each: eight blocks per processor.
Launch image_launch(const DeviceProperties& device, const char* kernel, int64_t images,
                    int64_t items) {
    const int64_t most = int64_t{8} * device.processors;
    const int64_t rows = std::clamp<int64_t>(images, 1, most);
    const int64_t wanted = pieces_of(items, elementwise_threads);
    return {.kernel = kernel,
            .grid = {unsigned(std::clamp<int64_t>(wanted, 1, most / rows)), unsigned(rows)},
            .block = elementwise_threads};
}

/// run(constant) with 16 bytes per access where every image starts at a multiple of them.
template <class T, class Run>
void with_width(int64_t M, bool aligned, const Run& run) {
    if (aligned && M % vec_width<T> == 0)
        run(std::integral_constant<int, vec_width<T>>{});
    else
        run(std::integral_constant<int, 1>{});
}

}  // namespace

template <DeviceContext Device, class T>
void interpolate(Device& device, const InterpolateArgs<T>& args) {
    with_width<T>(args.M, aligned_to(16, args.real, args.fake, args.x_hat), [&](auto width) {
        constexpr int N = decltype(width)::value;
        launch(device, image_launch(device.properties(), "interpolate_kernel", args.N, args.M / N),
               interpolate_kernel<N, T>, args.N, args.M, args.real, args.fake, args.alpha,
               args.x_hat);
    });
}

template <DeviceContext Device, class T>
void leaky_mask(Device& device, const LeakyMaskArgs<T>& args) {
    with_width<T>(args.M, aligned_to(16, args.x, args.a, args.y), [&](auto width) {
        constexpr int N = decltype(width)::value;
        launch(device, image_launch(device.properties(), "leaky_mask_kernel", args.N, args.M / N),
               leaky_mask_kernel<N, T>, args.N, args.M, args.x, args.a, args.scale,
               float(args.slope), args.y);
    });
}

template <DeviceContext Device, class T>
void patch_seeds(Device& device, const PatchSeedsArgs<T>& args) {
    const int64_t size = args.B * args.M;
    launch(device, elementwise_launch(device.properties(), "patch_seeds_kernel", 3 * size),
           patch_seeds_kernel<T>, size, float(1.0 / double(size)), args.seeds);
}

template <DeviceContext Device, class T>
void gradient_penalty(Device& device, const PenaltyArgs<T>& args) {
    const int64_t pieces = pieces_of(args.M, device_piece);
    with_width<T>(args.M, aligned_to(16, args.g), [&](auto width) {
        launch(device,
               {.kernel = "square_sums_kernel",
                .grid = unsigned(args.N * pieces),
                .block = square_threads},
               square_sums_kernel<decltype(width)::value>, args.M, pieces, args.g, args.workspace);
    });
    launch(device, {.kernel = "penalty_kernel", .grid = 1, .block = penalty_threads},
           penalty_kernel, args.N, pieces, args.workspace, args.norm, args.k, args.value);
}

#define SG_INSTANTIATE(T)                                              \
    template void interpolate(ThisDevice&, const InterpolateArgs<T>&); \
    template void leaky_mask(ThisDevice&, const LeakyMaskArgs<T>&);    \
    template void patch_seeds(ThisDevice&, const PatchSeedsArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)
#undef SG_INSTANTIATE

template void gradient_penalty(ThisDevice&, const PenaltyArgs<float>&);

}  // namespace sg
