#include "kernels/conv/gemm/plan.h"
#include "kernels/conv/gemm/problems.cuh"
#include "kernels/conv/wgmma/config.cuh"
#include "kernels/conv/wgmma/copies.cuh"
#include "tests/devices.h"
#include "tests/wgmma_cases.h"
#include "tests/wgmma_model.h"

using namespace sg;
using namespace sg::testing;

// The copies of convolution by wgmma on the simulated device, with wgmma itself replaced by a model
// of what it reads.

namespace {

/// The sums of one row of the tile, read as wgmma reads it.
template <class C>
void add_products(float (&sums)[C::tile_n], Shared<const bf16> stage, int row) {
    for (int k = 0; k < C::tile_k / 16; ++k) {
        // Shared memory begins at the address 0.
        const uint64_t a = wgmma_moved(C::OperandA::descriptor(0, row / 64 * 64),
                                       k * C::OperandA::step_bytes),
                       b = wgmma_moved(C::OperandB::descriptor(C::OperandA::tile_bytes, 0),
                                       k * C::OperandB::step_bytes);
        for (int depth = 0; depth < 16; ++depth) {
            const bf16 of_a = stage[int(wgmma_address(a, false, row % 64, depth)) / 2];
            for (int n = 0; n < C::tile_n; ++n) {
                const bf16 of_b = stage[int(wgmma_address(b, !C::LayoutB::by_depth, n, depth)) / 2];
                sums[n] += float(of_a) * float(of_b);
            }
        }
    }
}

/// A block of C::copy_threads = C::tile_m threads: the real copies, one row of products each.
template <class C, class A, class B, class ElementOf>
void model_block(const A& a, const B& b, int depth, int m, int n, const ElementOf& element_of,
                 Global<float> result) {
    const auto stage = dynamic_shared<bf16>();
    float sums[C::tile_n] = {};
    for (int k = 0; k < depth; k += C::tile_k) {
        a.copy(stage, k);
        b.copy(stage + C::LayoutA::elements, k);
        copy_async_commit();
        copy_async_wait<0>();
        __syncthreads();
        add_products<C>(sums, Shared<const bf16>(stage), int(threadIdx.x));
        __syncthreads();
    }
    const int element = element_of(m + int(threadIdx.x));
    for (int i = 0; element >= 0 && i < C::tile_n; ++i) result[element + n + i] = sums[i];
}

template <class C>
void forward_model_kernel(ForwardProblem<bf16> p, Global<float> y) {
    const int m = int(blockIdx.x) * C::tile_m, n = int(blockIdx.y) * C::tile_n;
    model_block<C>(
        TapGather<typename C::LayoutA, C::copy_threads>(p.x_at, p.x, m, p.pixels),
        FilterRows<typename C::LayoutB, C::copy_threads>(p.w, p.depth, n), p.depth, m, n,
        [&](int row) { return p.element_of(row); }, y);
}

template <class C>
void dgrad_model_kernel(DgradProblem<bf16> p, Global<float> grad_x) {
    const DgradPhase& phase = p.phases[blockIdx.z];
    const int m = int(blockIdx.x) * C::tile_m, n = int(blockIdx.y) * C::tile_n;
    model_block<C>(
        TapGather<typename C::LayoutA, C::copy_threads>(phase.grad_y_at, p.grad_y, m, phase.pixels),
        TapWeights<typename C::LayoutB, C::copy_threads>(phase.taps, p.w, n), phase.depth, m, n,
        [&](int row) { return p.element_of(phase, row); }, grad_x);
}

template <class C>
Launch model_launch(const ConvProduct& product, unsigned phases = 1) {
    return {.kernel = "wgmma_model_kernel",
            .grid = {unsigned(pieces_of(product.m, C::tile_m)), unsigned(product.n / C::tile_n),
                     phases},
            .block = C::copy_threads,
            .shared = size_t(C::stage_bytes)};
}

template <int tile_n>
void check_model(SimContext& context, const ConvShape& s, const WgmmaNumbers& numbers,
                 const ConvReference& exact) {
    CAPTURE(to_string(s), tile_n);
    const auto x = to<bf16>(numbers.x), w = to<bf16>(numbers.w), grad_y = to<bf16>(numbers.grad_y);
    if (s.K % tile_n == 0) {
        using C = WgmmaConfig<tile_n, Contiguous::depth>;
        Output<float> y(s.y_size());
        const auto problem = forward_problem(
            ConvForwardArgs<bf16, float, bf16>{.shape = s, .x = x.data(), .w = w.data(), .y = y});
        launch(context, model_launch<C>(conv_product(ConvPass::forward, s)),
               forward_model_kernel<C>, problem, y.data());
        CHECK(excess_of(y.get(), exact.y) <= 1);
    }
    if (s.C % tile_n == 0) {
        using C = WgmmaConfig<tile_n, Contiguous::side>;
        Output<float> grad_x(s.x_size());
        const ConvDgradArgs<bf16, float, bf16> args{
            .shape = s, .grad_y = grad_y.data(), .w = w.data(), .grad_x = grad_x};
        for_dgrad_launches(args, {}, [&](const DgradProblem<bf16>& problem, unsigned phases) {
            launch(context, model_launch<C>(conv_product(ConvPass::dgrad, s), phases),
                   dgrad_model_kernel<C>, problem, grad_x.data());
        });
        CHECK(excess_of(grad_x.get(), exact.grad_x) <= 1);
    }
}

}  // namespace

TEST_CASE("the copies for wgmma bring what the products need", "[wgmma]") {
    for (const ConvShape& s : kWgmmaShapes) {
        SimOptions options;
        options.check_races = &s == &kWgmmaShapes[3];  // slow; one with a stride will do
        SimContext context(options);
        const WgmmaNumbers numbers(s);
        const ConvReference exact(s, numbers.x, numbers.w, numbers.grad_y);
        check_model<64>(context, s, numbers, exact);
        check_model<128>(context, s, numbers, exact);
        check_model<256>(context, s, numbers, exact);
    }
}
