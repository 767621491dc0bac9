#include "kernels/conv/matrix/few_results.h"

#include "kernels/conv/matrix/vector.h"

namespace sg {

namespace {

/// So many pixels times results fill the registers, and hide the latency of a product and sum.
constexpr int sums_in_registers = 12;

/// Adds the channels from c on, a vector of them, for J neighbouring pixels with K results each, of
/// which the first has column q.
template <bool Whole, int J, int K, class T>
void add_channels(const FewResults& f, const T* image, const float* weights, int64_t p, int64_t q,
                  int64_t c, Vector (&sums)[J][K]) {
    const int64_t channels = f.padded_channels(), tap_row = f.S * channels;
    // J > 1: all taps are inside the image.
    const int64_t first_s = J > 1 ? 0 : std::max<int64_t>(0, f.pad_x - q);
    const int64_t last_s = J > 1 ? f.S : std::min(f.S, f.W + f.pad_x - q);
    const int64_t first_r = std::max<int64_t>(0, f.pad_y - p);
    const int64_t last_r = std::min(f.R, f.H + f.pad_y - p);
    Vector tile[J][K];  // a copy, which no store can alias: it stays in registers
    for (int j = 0; j < J; ++j)
        for (int k = 0; k < K; ++k) tile[j][k] = sums[j][k];
    for (int64_t r = first_r; r < last_r; ++r) {
        const T* x = image + ((p + r - f.pad_y) * f.W + q - f.pad_x) * f.C + c;
        const float* w = weights + r * tap_row + c;
        for (int64_t s = first_s; s < last_s; ++s) {
            Vector of_pixel[J];
            for (int j = 0; j < J; ++j) of_pixel[j] = load<Whole>(x + (s + j) * f.C, f.C - c);
            for (int k = 0; k < K; ++k) {
                const Vector weight = load(w + k * f.R * tap_row + s * channels);
                for (int j = 0; j < J; ++j) tile[j][k] += of_pixel[j] * weight;
            }
        }
    }
    for (int j = 0; j < J; ++j)
        for (int k = 0; k < K; ++k) sums[j][k] = tile[j][k];
}

/// J pixels of line p of an image, from column q on.
template <int J, int K, class T, class Out>
void write_pixels(const FewResults& f, const T* image, const float* weights, int64_t p, int64_t q,
                  const Target<Out>& target, Out* line) {
    Vector tile[J][K] = {};
    int64_t c = 0;
    for (; c + vector_floats <= f.C; c += vector_floats)
        add_channels<true>(f, image, weights, p, q, c, tile);
    if (c < f.C) add_channels<false>(f, image, weights, p, q, c, tile);
    for (int j = 0; j < J; ++j) {
        float sums[K];
        for (int k = 0; k < K; ++k) sums[k] = sum_of_lanes(tile[j][k]);
        target.finish(line + (q + j) * K, 0, K, sums);
    }
}

template <int K, class T, class Out>
void write_line(const FewResults& f, const T* image, const float* weights, int64_t p,
                const Target<Out>& target, Out* line) {
    constexpr int J = sums_in_registers / K;
    const int64_t first = std::min(f.Q, std::max<int64_t>(0, f.pad_x));  // that has all its taps
    const int64_t end = std::min(f.Q, f.W + f.pad_x - f.S + 1);          // behind the last one
    int64_t q = 0;
    for (; q < first; ++q) write_pixels<1, K>(f, image, weights, p, q, target, line);
    for (; q + J <= end; q += J) write_pixels<J, K>(f, image, weights, p, q, target, line);
    for (; q < f.Q; ++q) write_pixels<1, K>(f, image, weights, p, q, target, line);
}

template <int K, class T, class Out>
void write_all(CpuContext& context, const FewResults& f, const T* image, const float* weights,
               const Target<Out>& target) {
    parallel_for(context, f.N * f.P, [&](int64_t task) {
        const int64_t n = task / f.P, p = task % f.P;
        write_line<K>(f, image + n * f.H * f.W * f.C, weights, p, target,
                      target.out + task * f.Q * K);
    });
}

}  // namespace

template <class T, class Out>
void few_results(CpuContext& context, const FewResults& f, const T* image, const float* weights,
                 const Target<Out>& target) {
    switch (f.K) {
        case 1:
            return write_all<1>(context, f, image, weights, target);
        case 2:
            return write_all<2>(context, f, image, weights, target);
        case 3:
            return write_all<3>(context, f, image, weights, target);
        default:
            return write_all<4>(context, f, image, weights, target);
    }
}

#define SG_INSTANTIATE(T, Out)                                                        \
    template void few_results(CpuContext&, const FewResults&, const T*, const float*, \
                              const Target<Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)

}  // namespace sg
