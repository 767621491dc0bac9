#pragma once

#include "kernels/common/elementwise.cuh"
#include "kernels/common/piece.h"
#include "kernels/conv/check.h"
#include "kernels/conv/gemm/gemm.cuh"
#include "kernels/conv/gemm/plan.h"
#include "kernels/conv/gemm/simt.cuh"
#include "kernels/conv/gemm/tensor.cuh"

// From a plan to a launch, for the three passes.

namespace sg {

/// Adds the shares' sums in their order and applies the epilogue (split_sum.cu). `vectors` as in
/// GemmGrid.
template <DeviceContext Device, class T>
void conv_split_sum(Device& device, const GemmGrid<T>& grid, int shares, int channels);

/// Calls body.operator()<Config>() with the version of the product for a tile.
template <ConvArithmetic arithmetic, ConvPass pass, class Body>
void with_config(ConvTile tile, bool vectors, const Body& body) {
    constexpr auto depth = Contiguous::depth, side = Contiguous::side;
    constexpr auto A = pass == ConvPass::wgrad ? side : depth;
    constexpr auto B = pass == ConvPass::forward ? depth : side;
    const auto call = [&]<class Math, int V, int blocks>() {
        return body.template operator()<GemmConfig<Math, 3, V, blocks, A, B>>();
    };
    if constexpr (arithmetic == ConvArithmetic::f32) {
        using Large = SimtMath<128, 128, 32, 16, 16>;
        using Small = SimtMath<64, 64, 32, 16, 8>;
        using Thin = std::conditional_t<pass == ConvPass::wgrad, SimtMath<16, 64, 32, 4, 16>,
                                        SimtMath<64, 16, 32, 16, 4>>;
        if (!vectors) return call.template operator()<Thin, 1, 4>();
        if (tile == ConvTile::large) return call.template operator()<Large, 4, 1>();
        if (tile == ConvTile::small) return call.template operator()<Small, 4, 4>();
        return call.template operator()<Thin, 4, 8>();
    } else {
        constexpr bool wide = arithmetic == ConvArithmetic::tf32;
        using T = std::conditional_t<wide, float, bf16>;
        constexpr int k = conv_tile_depth(arithmetic), V = vec_width<T>;
        // tf32 reads side-contiguous fragments word by word, which takes registers: smaller pieces.
        constexpr int large_warps = wide ? 4 : 2, large_blocks = wide ? 1 : 2;
        using Large = TensorMath<T, 128, 128, k, 2, large_warps>;
        using Tall = TensorMath<T, 128, 64, k, 2, 2>;
        using Small = TensorMath<T, 64, 64, k, 2, 2>;
        if (!vectors) return call.template operator()<Small, 1, 3>();
        if (tile == ConvTile::large) return call.template operator()<Large, V, large_blocks>();
        if constexpr (!wide)
            if (tile == ConvTile::tall) return call.template operator()<Tall, V, 3>();
        return call.template operator()<Small, V, 4>();
    }
}

/// The part of a launch that does not depend on the pass.
template <class T>
struct GemmJob {
    const ConvShape& shape;
    ConvMath math;
    const T *a, *b;  ///< operands, as far as their alignment matters
    ConvResult<T> result;
    bool result_vectors;
    float* workspace;
    int64_t result_size;
    int channels;  ///< of the result
};

/// Plans, and calls launch_it.operator()<Config>(GemmGrid, Launch) for the chosen version; then
/// adds the shares. The launch's grid is that of `product`, for one phase.
template <ConvPass pass, class T, class LaunchIt>
void run_gemm(ThisDevice& device, const char* kernel, const GemmJob<T>& job,
              const ConvProduct& product, const LaunchIt& launch_it) {
    const auto run = [&]<ConvArithmetic arithmetic>() {
        const ConvPlan plan = conv_plan(device.properties(), pass, job.shape, arithmetic);
        const bool vectors =
            conv_vectors(pass, job.shape, arithmetic) && aligned_to(16, job.a, job.b);
        const int64_t tiles = pieces_of(product.depth, conv_tile_depth(arithmetic));
        GemmGrid<T> grid{
            .tiles_n = {},
            .share = int(pieces_of(tiles, plan.shares)),
            .result = job.result,
            .partials = job.workspace,
            .result_size = job.result_size,
            .vectors = job.result_vectors && (plan.shares == 1 || aligned_to(16, job.workspace))};
        with_config<arithmetic, pass>(plan.tile, vectors, [&]<class C>() {
            const int64_t tiles_n = pieces_of(product.n, C::tile_n);
            grid.tiles_n = Divider(tiles_n);
            launch_it.template operator()<C>(
                grid, Launch{.kernel = kernel,
                             .grid = {unsigned(pieces_of(product.m, C::tile_m) * tiles_n),
                                      unsigned(plan.shares)},
                             .block = C::threads,
                             .shared = C::shared_bytes});
        });
        if (plan.shares > 1) conv_split_sum(device, grid, plan.shares, job.channels);
    };
    if constexpr (sizeof(T) == 2)
        run.template operator()<ConvArithmetic::bf16>();
    else if (job.math == ConvMath::tf32)
        run.template operator()<ConvArithmetic::tf32>();
    else
        run.template operator()<ConvArithmetic::f32>();
}

}  // namespace sg
