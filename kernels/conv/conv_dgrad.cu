#include <algorithm>
#include <vector>

#include "kernels/conv/gemm/launch.cuh"

// With stride s, the pixels of x whose row and column leave the same remainders by s meet the same
// taps: they are a phase. Each of the s^2 phases is a dense product with a part of the taps,
//   grad_x phase [pixels][C] = (grad_y gathered) [pixels][R'S'K] x w [R'S'K][C],
// and nothing is multiplied by zeros that a stride would insert.

namespace sg {

namespace {

/// The pixels of x with remainders (row, column) by the stride.
struct DgradPhase {
    PixelGather grad_y_at;  ///< grid: the phase's pixels
    PhaseTaps taps;
    int row, column;
    int pixels, depth;
};
constexpr int phases_per_launch = 4;

template <class T>
struct DgradProblem {
    GemmGrid<T> grid;
    Global<const T> grad_y, w;
    int H, W, C, stride;
    DgradPhase phases[phases_per_launch];
};

template <class C>
__global__ void __launch_bounds__(C::threads, C::blocks)
    conv_dgrad_kernel(const __grid_constant__ DgradProblem<typename C::T> p) {
    using T = typename C::T;
    const DgradPhase& phase = p.phases[blockIdx.z];
    gemm_block<C>(
        p.grid, p.C, phase.depth,
        [&](int m) {
            return GatherDepth<typename C::LayoutA, C::threads, C::V, T>(
                phase.grad_y_at, p.grad_y, m, phase.pixels, phase.depth);
        },
        [&](int n) {
            return PhaseWeights<typename C::LayoutB, C::threads, C::V, T>(phase.taps, p.w, n,
                                                                          phase.depth);
        },
        [&](int m) {
            if (m >= phase.pixels) return -1;
            const int j = phase.grad_y_at.columns.split(m), i = phase.grad_y_at.rows.split(m);
            return ((m * p.H + i * p.stride + phase.row) * p.W + j * p.stride + phase.column) * p.C;
        });
}

DgradPhase dgrad_phase(const ConvShape& s, int64_t row, int64_t column) {
    // Pixel row h = i*stride + row meets the taps r0 + stride*r' at row i + origin - r' of grad_y.
    const int64_t r0 = (row + s.pad) % s.stride, s0 = (column + s.pad) % s.stride;
    const auto taps = [&](int64_t all, int64_t first) {
        return first < all ? pieces_of(all - first, s.stride) : 0;
    };
    const int64_t rows = pieces_of(s.H - row, s.stride),
                  columns = pieces_of(s.W - column, s.stride);
    const int64_t tap_rows = taps(s.R, r0), tap_columns = taps(s.S, s0);
    const Divider by_tap(std::max<int64_t>(tap_columns, 1));
    return {.grad_y_at = {.height = int(s.P()),
                          .width = int(s.Q()),
                          .channels = int(s.K),
                          .rows = Divider(std::max<int64_t>(rows, 1)),
                          .columns = Divider(std::max<int64_t>(columns, 1)),
                          .step = 1,
                          .origin_row = int((row + s.pad) / s.stride),
                          .origin_column = int((column + s.pad) / s.stride),
                          .direction = -1,
                          .tap_columns = by_tap,
                          .by_channel = Divider(s.K)},
            .taps = {.R = int(s.R),
                     .S = int(s.S),
                     .C = int(s.C),
                     .r0 = int(r0),
                     .s0 = int(s0),
                     .stride = int(s.stride),
                     .by_filter = Divider(s.K),
                     .tap_columns = by_tap},
            .row = int(row),
            .column = int(column),
            .pixels = int(s.N * rows * columns),
            .depth = int(tap_rows * tap_columns * s.K)};
}

template <class T, class Out>
void gemm_dgrad(ThisDevice& device, const ConvDgradArgs<T, Out, T>& args) {
    const ConvShape& s = args.shape;
    std::vector<DgradPhase> phases;  // without those that a small image does not have
    for (int64_t row = 0; row < std::min(s.stride, s.H); ++row)
        for (int64_t column = 0; column < std::min(s.stride, s.W); ++column)
            phases.push_back(dgrad_phase(s, row, column));
    DgradProblem<T> problem{.grid = {},
                            .grad_y = args.grad_y,
                            .w = args.w,
                            .H = int(s.H),
                            .W = int(s.W),
                            .C = int(s.C),
                            .stride = int(s.stride),
                            .phases = {}};
    const GemmJob<T> job{
        .shape = s,
        .math = args.math,
        .a = args.grad_y,
        .b = args.w,
        .result = conv_result(args.epilogue, args.grad_x),
        .result_vectors = result_vectors(args.epilogue, args.grad_x, sizeof(Out), s.C),
        .workspace = args.workspace,
        .result_size = s.x_size(),
        .channels = int(s.C)};
    run_gemm<ConvPass::dgrad>(
        device, "conv_dgrad_kernel", job, conv_product(ConvPass::dgrad, s),
        [&]<class C>(const GemmGrid<T>& grid, Launch config) {
            problem.grid = grid;
            for (size_t first = 0; first < phases.size(); first += phases_per_launch) {
                const size_t count = std::min<size_t>(phases_per_launch, phases.size() - first);
                std::copy_n(phases.begin() + int64_t(first), count, problem.phases);
                config.grid.z = unsigned(count);
                launch(device, config, conv_dgrad_kernel<C>, problem);
            }
        });
}

}  // namespace

template <DeviceContext Device, class T, class Out>
void conv_dgrad(Device& device, const ConvDgradArgs<T, Out, T>& args) {
    check_conv_device(
        ConvPass::dgrad, args.shape,
        {required("grad_y", args.grad_y), required("w", args.w), required("grad_x", args.grad_x),
         optional("bias", args.epilogue.bias), optional("mask", args.epilogue.mask),
         optional("residual", args.epilogue.residual), optional("workspace", args.workspace)},
        conv_workspace<T>(device.properties(), ConvPass::dgrad, args.shape, args.math),
        args.workspace, args.workspace_size);
    gemm_dgrad(device, args);
}
template void conv_dgrad(ThisDevice&, const ConvDgradArgs<float, float, float>&);
template void conv_dgrad(ThisDevice&, const ConvDgradArgs<bf16, bf16, bf16>&);
template void conv_dgrad(ThisDevice&, const ConvDgradArgs<bf16, float, bf16>&);

}  // namespace sg
