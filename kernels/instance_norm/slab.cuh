#pragma once

// How blocks share out a tensor [N, M, C] for instance normalisation: a block takes a *slab*, 64
// bytes' worth of channels (two memory sectors) of some pixels of one image. A slab of all pixels
// is needed for the statistics, so the blocks of a slab ("parts") exchange sums.
//
//          channels ->  c0            c0 + 16 (f32) or 32 (bf16)
//   pixel 0             [T0 ][T1 ][T2 ][T3 ]      T0..T3: threads 0..3, one 16-byte vector each
//   pixel 1             [T4 ][T5 ][T6 ][T7 ]
//   ...                                           256 threads: 64 pixels at a time
//   pixel 64            [T0 ][T1 ][T2 ][T3 ]

#include "kernels/common/device.cuh"
#include "kernels/instance_norm/plan.h"

namespace sg {

inline constexpr int slab_bytes = 64, slab_threads = 256;

template <class T>
inline constexpr int slab_channels = slab_bytes / int(sizeof(T));

/// The channels and pixels of the calling thread: N channels from `channel` on, every `step`th
/// pixel from `first` to `end`.
template <class T, int N>
struct SlabPlace {
    static constexpr int columns = slab_channels<T> / N;  ///< threads side by side on a pixel

    int64_t n, part, first, end, step, C;
    int channel, column;  ///< column: of N channels, in the slab
    bool inside;          ///< whether the channels exist

    __device__ SlabPlace(const InstanceNormShape& s, int parts, int64_t pixels)
        : n(blockIdx.y),
          part(blockIdx.x % unsigned(parts)),
          first(part * pixels + threadIdx.x / columns),
          end(min(s.M, (part + 1) * pixels)),
          step(slab_threads / columns),
          C(s.C),
          channel(int(blockIdx.x / unsigned(parts)) * slab_channels<T> +
                  int(threadIdx.x) % columns * N),
          column(int(threadIdx.x) % columns),
          inside(channel < s.C) {
        first += n * s.M;
        end += n * s.M;
    }

    /// The same with the last part first.
    __device__ SlabPlace reversed(const InstanceNormShape& s, int parts, int64_t pixels) const {
        SlabPlace other = *this;
        other.part = parts - 1 - part;
        other.first = n * s.M + other.part * pixels + threadIdx.x / columns;
        other.end = n * s.M + min(s.M, (other.part + 1) * pixels);
        return other;
    }

    /// body(offset of the vector in the tensor, its offset in the block's tile), for all pixels.
    /// A thread's place in the tile is its own: what it stored there it reads without a barrier,
    /// and a warp's vectors lie side by side, without bank conflicts.
    template <class Body>
    __device__ void each_pixel(const Body& body) const {
        if (!inside) return;
        int64_t tile = int64_t(threadIdx.x) * N;
        for (int64_t m = first; m < end; m += step, tile += slab_threads * N)
            body(m * C + channel, tile);
    }
};

/// Copies one vector into the tile, past the registers where the hardware can (4 bytes or more).
template <class T, int N>
__device__ void stage(Shared<T> to, Global<const T> from) {
    if constexpr (sizeof(T) * N >= 4)
        copy_async<sizeof(T) * N>(to, from);
    else
        store(to, load<N>(from));
}

/// Sums over the block, per channel of the slab: sums[k * slab_channels + c] = sum over threads of
/// own[k][.]. Always in the same order: lanes by a butterfly, then warps one after another.
template <int K, class T, int N>
__device__ void slab_sums(float (&own)[K][N], Shared<float> sums) {
    constexpr int channels = slab_channels<T>, columns = channels / N;
    constexpr int warps = slab_threads / 32;
    __shared__ SharedArray<float, warps * K * channels> partial;
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
#pragma unroll
    for (int k = 0; k < K; ++k)
#pragma unroll
        for (int j = 0; j < N; ++j) {
#pragma unroll
            for (int other = columns; other < 32; other *= 2)
                own[k][j] += __shfl_xor_sync(~0u, own[k][j], other);
            // Lanes 0 .. columns-1 now hold the warp's sums, in 32/columns equal copies.
            if (lane < columns) partial[(warp * K + k) * channels + lane * N + j] = own[k][j];
        }
    __syncthreads();
    for (int i = int(threadIdx.x); i < K * channels; i += slab_threads) {
        float total = 0;
        for (int w = 0; w < warps; ++w) total += partial[w * K * channels + i];
        sums[i] = total;
    }
    __syncthreads();
}

/// Pixels of a part; none in the last ones if there are more parts than pixels to share out.
__device__ inline int64_t part_pixels(const InstanceNormShape& s, int64_t part, int64_t pixels) {
    return max(int64_t{0}, min(s.M, (part + 1) * pixels) - part * pixels);
}

/// gamma xh + beta as every pass computes it: the same bits, so backward's ReLU mask is forward's.
__device__ inline float instance_norm_affine(float xh, float gamma, float beta) {
    return fmaf(gamma, xh, beta);
}

/// N values of a per-channel (or per-image-and-channel) f32 array; zeros where there are none.
template <int N>
struct SlabValues {
    float v[N];
    __device__ SlabValues(Global<const float> p, bool inside) {
#pragma unroll
        for (int j = 0; j < N; ++j) v[j] = inside ? float(p[j]) : 0.0f;
    }
    __device__ float operator[](int j) const {
        return v[j];
    }
};

/// The launch of a kernel of slab blocks: parts of one slab side by side (a cluster), then slabs
/// along x, images along y.
template <class T>
Launch slab_launch(const char* kernel, const InstanceNormShape& s, const InstanceNormPlan& plan) {
    const auto slabs = unsigned((s.C + slab_channels<T> - 1) / slab_channels<T>);
    const bool cluster = plan.kind == InstanceNormPlan::Kind::cluster;
    return {.kernel = kernel,
            .grid = {slabs * unsigned(plan.parts), unsigned(s.N)},
            .block = slab_threads,
            .shared = plan.shared,
            .cluster = cluster ? unsigned(plan.parts) : 1};
}

/// Whether 16-byte accesses are possible: whole vectors of channels, aligned pointers.
template <class T, class... Pointers>
bool slab_vectors(int64_t C, const Pointers*... p) {
    return C % vec_width<T> == 0 && ((reinterpret_cast<uintptr_t>(p) % 16 == 0) && ...);
}

}  // namespace sg
