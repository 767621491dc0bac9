#include "kernels/image/image.h"

#include <algorithm>
#include <array>

namespace sg {

namespace {

constexpr std::array<float, 256> make_unit_table() {
    std::array<float, 256> table{};
    for (int i = 0; i < 256; ++i) table[i] = unit_of_byte(uint8_t(i));
    return table;
}
constexpr std::array<float, 256> unit_table = make_unit_table();

}  // namespace

template <class T>
void image_to_tensor(CpuContext& context, const ImageToTensorArgs<T>& args) {
    const int64_t H = args.H, W = args.W, C = args.C, C_out = args.C_out;
    parallel_for(context, args.N * H, [&](int64_t i) {
        const int64_t n = i / H, image = args.index ? args.index[n] : n;
        const bool flip = args.flip && args.flip[n];
        const uint8_t* row = args.images + (image * H + i % H) * W * C;
        T* y = args.y + i * W * C_out;
        if (C_out == C) {  // vectors of bytes; a table would be read byte by byte
#pragma omp simd
            for (int64_t k = 0; k < W * C; ++k) store(y[k], unit_of_byte(row[k]));
            if (flip)
                for (int64_t left = 0, right = W - 1; left < right; ++left, --right)
                    std::swap_ranges(y + left * C, y + (left + 1) * C, y + right * C);
            return;
        }
        for (int64_t w = 0; w < W; ++w, y += C_out) {
            const uint8_t* pixel = row + (flip ? W - 1 - w : w) * C;
            for (int64_t c = 0; c < C; ++c) store(y[c], unit_table[pixel[c]]);
            for (int64_t c = C; c < C_out; ++c) store(y[c], 0.0f);
        }
    });
}

template void image_to_tensor(CpuContext&, const ImageToTensorArgs<float>&);
template void image_to_tensor(CpuContext&, const ImageToTensorArgs<bf16>&);

}  // namespace sg
