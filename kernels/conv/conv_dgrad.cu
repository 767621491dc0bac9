#include "kernels/conv/choice/dispatch.h"
#include "kernels/conv/gemm/launch.cuh"
#include "kernels/conv/gemm/problems.cuh"
#include "kernels/conv/narrow.h"
#include "kernels/conv/wgmma/conv_wgmma.h"

namespace sg {

namespace {

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
        [&](int m) { return p.element_of(phase, m); });
}

template <class T, class Out>
void gemm_dgrad(ThisDevice& device, const ConvDgradArgs<T, Out, T>& args) {
    if constexpr (std::is_same_v<ThisDevice, CudaContext> && sizeof(T) == 2)
        if (conv_wgmma_dgrad(device, args)) return;
    const ConvShape& s = args.shape;
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
            for_dgrad_launches(args, grid, [&](const DgradProblem<T>& problem, unsigned phases) {
                config.grid.z = phases;
                launch(device, config, conv_dgrad_kernel<C>, problem);
            });
        });
}

/// By the kernels for few channels; false if they do not take the shape.
template <class T, class Out>
bool narrow_dgrad(ThisDevice& device, const ConvDgradArgs<T, Out, T>& args) {
    if constexpr (std::is_same_v<T, bf16>) {
        const auto conv = narrow_conv(args.shape);
        if (conv && conv->turned)
            narrow_input(device, NarrowInputArgs<Out>{.conv = *conv,
                                                      .x = args.grad_y,
                                                      .w = args.w,
                                                      .epilogue = args.epilogue,
                                                      .y = args.grad_x});
        else if (conv)
            narrow_output(device, NarrowOutputArgs<Out>{.conv = *conv,
                                                        .grad_y = args.grad_y,
                                                        .w = args.w,
                                                        .epilogue = args.epilogue,
                                                        .grad_x = args.grad_x});
        return conv.has_value();
    }
    return false;
}

}  // namespace

template <DeviceContext Device, class T, class Out>
void conv_dgrad(Device& device, const ConvDgradArgs<T, Out, T>& args) {
    check_conv_extents(ConvPass::dgrad, args.shape);
    ConvImplementation* chosen = chosen_for(device, args);
    check_conv_device(
        ConvPass::dgrad, args.shape,
        {required_pointer("grad_y", args.grad_y), required_pointer("w", args.w),
         required_pointer("grad_x", args.grad_x), optional_pointer("bias", args.epilogue.bias),
         optional_pointer("mask", args.epilogue.mask),
         optional_pointer("residual", args.epilogue.residual),
         optional_pointer("workspace", args.workspace)},
        chosen ? workspace_floats(*chosen)
               : conv_workspace<T>(device.properties(), ConvPass::dgrad, args.shape, args.math),
        args.workspace, args.workspace_size);
    if (chosen) return chosen->run(conv_operands(args), args.workspace);
    if (!narrow_dgrad(device, args)) gemm_dgrad(device, args);
}
template void conv_dgrad(ThisDevice&, const ConvDgradArgs<float, float, float>&);
template void conv_dgrad(ThisDevice&, const ConvDgradArgs<bf16, bf16, bf16>&);
template void conv_dgrad(ThisDevice&, const ConvDgradArgs<bf16, float, bf16>&);

}  // namespace sg
