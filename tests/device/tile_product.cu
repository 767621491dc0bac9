#include "tests/device/tile_product.h"

#include "kernels/common/tensor_core.cuh"

namespace sg::testing {

namespace {

/// Reads and writes d's four values of this lane.
template <class Product>
__device__ void with_sums(Global<float> d, const Product& product) {
    const int group = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
    float sums[4];
    for (int r = 0; r < 4; ++r) sums[r] = d[(group + r / 2 * 8) * 8 + 2 * t + r % 2];
    product(sums, group, t);
    for (int r = 0; r < 4; ++r) d[(group + r / 2 * 8) * 8 + 2 * t + r % 2] = sums[r];
}

__global__ void tile_product_kernel(Global<const bf16> a, Global<const bf16> b, Global<float> d) {
    with_sums(d, [&](float(&sums)[4], int group, int t) {
        unsigned ra[4], rb[2];
        for (int r = 0; r < 4; ++r) {
            const int at = (group + r % 2 * 8) * 16 + 2 * t + r / 2 * 8;
            ra[r] = pack(a[at], a[at + 1]);
        }
        for (int r = 0; r < 2; ++r)
            rb[r] = pack(b[(2 * t + 8 * r) * 8 + group], b[(2 * t + 1 + 8 * r) * 8 + group]);
        mma_m16n8k16(sums, ra, rb);
    });
}

/// The same with operands from shared memory. b's rows are its k, its fragment wants pairs of k in
/// one register: transposed.
__global__ void tile_product_shared_kernel(Global<const bf16> a, Global<const bf16> b,
                                           Global<float> d) {
    __shared__ SharedArray<bf16, 16 * 16> sa;
    __shared__ SharedArray<bf16, 16 * 8> sb;
    const int lane = int(threadIdx.x);
    for (int i = lane; i < 16 * 16; i += 32) sa[i] = a[i];
    for (int i = lane; i < 16 * 8; i += 32) sb[i] = b[i];
    __syncwarp();
    with_sums(d, [&](float(&sums)[4], int, int) {
        unsigned ra[4], rb[2];
        // Matrices 0 .. 3: rows 0-7 and 8-15 of columns 0-7, then of columns 8-15.
        const Shared<bf16> row_a = sa + (lane % 16 * 16 + lane / 16 * 8);
        const Shared<bf16> row_b = sb + lane % 16 * 8;
        load_matrices<4, false>(ra, row_a);
        load_matrices<2, true>(rb, row_b);
        mma_m16n8k16(sums, ra, rb);
    });
}

__global__ void tile_product_tf32_kernel(Global<const float> a, Global<const float> b,
                                         Global<float> d) {
    with_sums(d, [&](float(&sums)[4], int group, int t) {
        unsigned ra[4], rb[2];
        for (int r = 0; r < 4; ++r) ra[r] = to_tf32(a[(group + r % 2 * 8) * 8 + t + r / 2 * 4]);
        for (int r = 0; r < 2; ++r) rb[r] = to_tf32(b[(t + 4 * r) * 8 + group]);
        mma_m16n8k8(sums, ra, rb);
    });
}

}  // namespace

template <DeviceContext Device>
void tile_product(Device& device, const TileProductArgs& args) {
    const Launch config{.kernel = "tile_product_kernel", .grid = 1, .block = 32};
    if (args.a_tf32)
        launch(device, config, tile_product_tf32_kernel, args.a_tf32, args.b_tf32, args.d);
    else if (args.through_shared)
        launch(device, config, tile_product_shared_kernel, args.a, args.b, args.d);
    else
        launch(device, config, tile_product_kernel, args.a, args.b, args.d);
}

template void tile_product(ThisDevice&, const TileProductArgs&);

}  // namespace sg::testing
