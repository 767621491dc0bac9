#include "kernels/conv/wgmma/conv_wgmma.h"

#include "kernels/common/elementwise.cuh"
#include "kernels/conv/gemm/plan.h"
#include "kernels/conv/wgmma/block.cuh"

// Compiled by nvcc for sm_90a only.

namespace sg {

namespace {

/// The consumers' part: sums of all tiles of depth, then the epilogue.
template <class C, class ElementOf>
__device__ void wgmma_consume(const WgmmaShared<C>& shared, const GemmGrid<bf16>& grid, int tiles,
                              int warpgroup, int first_channel, int channels,
                              const ElementOf& row_element) {
    const int thread = int(threadIdx.x) - C::copy_threads;
    WgmmaConsumer<C> consumer(shared, 64 * warpgroup);
    consume_tiles<C::stages>(consumer, tiles);
    barrier_sync<1, C::threads>();  // nobody reads the tiles any more: the sums take their place
    float* sums = reinterpret_cast<float*>(shared.tiles);
    consumer.put(sums, thread);
    barrier_sync<1, C::threads>();
    if (grid.vectors)
        gemm_store<C, 4>(grid.result, sums, first_channel, channels, row_element, thread);
    else
        gemm_store<C, 1>(grid.result, sums, first_channel, channels, row_element, thread);
}

/// As gemm_block, with the whole depth in one block.
template <class C, class CopiesA, class CopiesB, class ElementOf>
__device__ void wgmma_block(const GemmGrid<bf16>& grid, int channels, int depth,
                            const CopiesA& copies_a, const CopiesB& copies_b,
                            const ElementOf& element_of) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    int tile = int(blockIdx.x);
    const int n = grid.tiles_n.split(tile) * C::tile_n, m = tile * C::tile_m;
    if (element_of(m) < 0) return;  // a phase with fewer rows than another
    const int tiles = depth / C::tile_k;
    const WgmmaShared<C> shared;
    if (threadIdx.x == 0) shared.init_barriers();
    __syncthreads();
    // By a shuffle, so that the compiler knows it to be the same in all lanes of a warp.
    const int warpgroup = __shfl_sync(0xFFFFFFFF, int(threadIdx.x) / 128, 0);
    if (warpgroup == 0) {
        warpgroup_give_registers<C::copy_registers>();
        const auto a = copies_a(m);
        const auto b = copies_b(n);
        using Side = WgmmaProducer<C, decltype(copies_a(m)), decltype(copies_b(n))>;
        produce_tiles<C::stages>(Side{shared, a, b}, tiles);
    } else {
        warpgroup_take_registers<C::registers>();
        wgmma_consume<C>(shared, grid, tiles, warpgroup - 1, n, channels,
                         [&](int row) { return element_of(m + row); });
    }
#else
    __trap();  // conv_wgmma_takes lets no other device come here
#endif
}

template <class C>
__global__ void __launch_bounds__(C::copy_threads + C::threads, 1)
    conv_forward_wgmma_kernel(const __grid_constant__ ForwardProblem<bf16> p) {
    wgmma_block<C>(
        p.grid, p.filters, p.depth,
        [&](int m) {
            return TapGather<typename C::LayoutA, C::copy_threads>(p.x_at, p.x, m, p.pixels);
        },
        [&](int n) { return FilterRows<typename C::LayoutB, C::copy_threads>(p.w, p.depth, n); },
        [&](int m) { return p.element_of(m); });
}

template <class C>
__global__ void __launch_bounds__(C::copy_threads + C::threads, 1)
    conv_dgrad_wgmma_kernel(const __grid_constant__ DgradProblem<bf16> p) {
    const DgradPhase& phase = p.phases[blockIdx.z];
    wgmma_block<C>(
        p.grid, p.C, phase.depth,
        [&](int m) {
            return TapGather<typename C::LayoutA, C::copy_threads>(phase.grad_y_at, p.grad_y, m,
                                                                   phase.pixels);
        },
        [&](int n) { return TapWeights<typename C::LayoutB, C::copy_threads>(phase.taps, p.w, n); },
        [&](int m) { return p.element_of(phase, m); });
}

/// Calls launch_it.operator()<Config>(GemmGrid, Launch) for the plan's version.
template <ConvPass pass, class LaunchIt>
void with_plan(const DeviceProperties& device, const char* kernel, const ConvShape& shape,
               const ConvResult<bf16>& result, bool vectors, const LaunchIt& launch_it) {
    constexpr auto B = pass == ConvPass::forward ? Contiguous::depth : Contiguous::side;
    const ConvProduct product = conv_product(pass, shape);
    const auto run = [&]<int tile_n>() {
        using C = WgmmaConfig<tile_n, B>;
        const int64_t tiles_n = pieces_of(product.n, tile_n);
        launch_it.template operator()<C>(
            GemmGrid<bf16>{.tiles_n = Divider(tiles_n),
                           .share = 0,
                           .result = result,
                           .partials = nullptr,
                           .result_size = 0,
                           .vectors = vectors},
            Launch{.kernel = kernel,
                   .grid = unsigned(pieces_of(product.m, C::tile_m) * tiles_n),
                   .block = C::copy_threads + C::threads,
                   .shared = C::shared_bytes});
    };
    const int tile_n = conv_wgmma_plan(device, pass, shape).tile_n;
    if (tile_n == 256) return run.template operator()<256>();
    if (tile_n == 128) return run.template operator()<128>();
    run.template operator()<64>();
}

}  // namespace

template <class Out>
bool conv_wgmma_forward(CudaContext& device, const ConvForwardArgs<bf16, Out, bf16>& args) {
    const ConvShape& s = args.shape;
    if (!conv_wgmma_chosen(device.properties(), ConvPass::forward, s, args.wgmma)) return false;
    if (!aligned_to(16, args.x, args.w)) return false;
    ForwardProblem<bf16> problem = forward_problem(args);
    with_plan<ConvPass::forward>(device.properties(), "conv_forward_wgmma_kernel", s,
                                 conv_result(args.epilogue, args.y),
                                 result_vectors(args.epilogue, args.y, sizeof(Out), s.K),
                                 [&]<class C>(const GemmGrid<bf16>& grid, const Launch& config) {
                                     problem.grid = grid;
                                     launch(device, config, conv_forward_wgmma_kernel<C>, problem);
                                 });
    return true;
}
template bool conv_wgmma_forward(CudaContext&, const ConvForwardArgs<bf16, bf16, bf16>&);
template bool conv_wgmma_forward(CudaContext&, const ConvForwardArgs<bf16, float, bf16>&);

template <class Out>
bool conv_wgmma_dgrad(CudaContext& device, const ConvDgradArgs<bf16, Out, bf16>& args) {
    const ConvShape& s = args.shape;
    if (!conv_wgmma_chosen(device.properties(), ConvPass::dgrad, s, args.wgmma)) return false;
    if (!aligned_to(16, args.grad_y, args.w)) return false;
    with_plan<ConvPass::dgrad>(
        device.properties(), "conv_dgrad_wgmma_kernel", s, conv_result(args.epilogue, args.grad_x),
        result_vectors(args.epilogue, args.grad_x, sizeof(Out), s.C),
        [&]<class C>(const GemmGrid<bf16>& grid, Launch config) {
            for_dgrad_launches(args, grid, [&](const DgradProblem<bf16>& problem, unsigned phases) {
                config.grid.z = phases;
                launch(device, config, conv_dgrad_wgmma_kernel<C>, problem);
            });
        });
    return true;
}
template bool conv_wgmma_dgrad(CudaContext&, const ConvDgradArgs<bf16, bf16, bf16>&);
template bool conv_wgmma_dgrad(CudaContext&, const ConvDgradArgs<bf16, float, bf16>&);

}  // namespace sg
