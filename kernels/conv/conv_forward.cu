#include "kernels/conv/choice/dispatch.h"
#include "kernels/conv/gemm/launch.cuh"
#include "kernels/conv/gemm/problems.cuh"
#include "kernels/conv/narrow.h"
#include "kernels/conv/wgmma/conv_wgmma.h"

namespace sg {

namespace {

template <class C>
__global__ void __launch_bounds__(C::threads, C::blocks)
    conv_forward_kernel(const __grid_constant__ ForwardProblem<typename C::T> p) {
    using T = typename C::T;
    gemm_block<C>(
        p.grid, p.filters, p.depth,
        [&](int m) {
            return GatherDepth<typename C::LayoutA, C::threads, C::V, T>(p.x_at, p.x, m, p.pixels,
                                                                         p.depth);
        },
        [&](int n) {
            return PlainMatrix<typename C::LayoutB, C::threads, C::V, T>(p.w, p.filters, p.depth,
                                                                         n);
        },
        [&](int m) { return p.element_of(m); });
}

template <class T, class Out>
void gemm_forward(ThisDevice& device, const ConvForwardArgs<T, Out, T>& args) {
    if constexpr (std::is_same_v<ThisDevice, CudaContext> && sizeof(T) == 2)
        if (conv_wgmma_forward(device, args)) return;
    const ConvShape& s = args.shape;
    ForwardProblem<T> problem = forward_problem(args);
    const GemmJob<T> job{.shape = s,
                         .math = args.math,
                         .a = args.x,
                         .b = args.w,
                         .result = conv_result(args.epilogue, args.y),
                         .result_vectors = result_vectors(args.epilogue, args.y, sizeof(Out), s.K),
                         .workspace = args.workspace,
                         .result_size = s.y_size(),
                         .channels = int(s.K)};
    run_gemm<ConvPass::forward>(device, "conv_forward_kernel", job,
                                conv_product(ConvPass::forward, s),
                                [&]<class C>(const GemmGrid<T>& grid, const Launch& config) {
                                    problem.grid = grid;
                                    launch(device, config, conv_forward_kernel<C>, problem);
                                });
}

template <class T, class Out>
void add_label_bias(ThisDevice& device, const ConvForwardArgs<T, Out, T>& args) {
    if (args.label_bias)
        label_bias_forward(device, LabelBiasForwardArgs<Out>{.shape = label_bias_shape(args.shape),
                                                             .table = args.label_bias,
                                                             .relative = args.label_bias_relative,
                                                             .y = args.y});
}

/// By the kernels for few channels, with the label bias; false if they do not take the shape.
template <class T, class Out>
bool narrow_forward(ThisDevice& device, const ConvForwardArgs<T, Out, T>& args) {
    if constexpr (std::is_same_v<T, bf16>) {
        const auto conv = narrow_conv(args.shape);
        if (!conv) return false;
        if (!conv->turned) {
            narrow_input(device,
                         NarrowInputArgs<Out>{.conv = *conv,
                                              .x = args.x,
                                              .w = args.w,
                                              .epilogue = args.epilogue,
                                              .label_bias = args.label_bias,
                                              .label_bias_relative = args.label_bias_relative,
                                              .y = args.y});
            return true;
        }
        narrow_output(device, NarrowOutputArgs<Out>{.conv = *conv,
                                                    .grad_y = args.x,
                                                    .w = args.w,
                                                    .epilogue = args.epilogue,
                                                    .grad_x = args.y});
        add_label_bias(device, args);
        return true;
    }
    return false;
}

}  // namespace

template <DeviceContext Device, class T, class Out>
void conv_forward(Device& device, const ConvForwardArgs<T, Out, T>& args) {
    check_conv_forward(args);
    check_conv_extents(ConvPass::forward, args.shape);
    ConvImplementation* chosen = chosen_for(device, args);
    check_conv_device(
        ConvPass::forward, args.shape,
        {required_pointer("x", args.x), required_pointer("w", args.w),
         required_pointer("y", args.y), optional_pointer("bias", args.epilogue.bias),
         optional_pointer("mask", args.epilogue.mask),
         optional_pointer("residual", args.epilogue.residual),
         optional_pointer("label_bias", args.label_bias),
         optional_pointer("workspace", args.workspace)},
        chosen ? workspace_floats(*chosen)
               : conv_workspace<T>(device.properties(), ConvPass::forward, args.shape, args.math),
        args.workspace, args.workspace_size);
    if (chosen) return chosen->run(conv_operands(args), args.workspace);
    if (narrow_forward(device, args)) return;
    gemm_forward(device, args);
    add_label_bias(device, args);
}
template void conv_forward(ThisDevice&, const ConvForwardArgs<float, float, float>&);
template void conv_forward(ThisDevice&, const ConvForwardArgs<bf16, bf16, bf16>&);
template void conv_forward(ThisDevice&, const ConvForwardArgs<bf16, float, bf16>&);

}  // namespace sg
