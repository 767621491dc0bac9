#include "kernels/conv/choice/dispatch.h"
#include "kernels/conv/gemm/launch.cuh"
#include "kernels/conv/narrow.h"

// grad_w [K][RSC] = grad_y [NPQ][K] transposed x (x gathered) [NPQ][RSC]: few results with long
// sums over all pixels, so the sums are split over blocks.

namespace sg {

namespace {

template <class T>
struct WgradProblem {
    GemmGrid<T> grid;
    PixelGather x_at;
    Global<const T> x, grad_y;
    int pixels, filters, columns;
};

template <class C>
__global__ void __launch_bounds__(C::threads, C::blocks)
    conv_wgrad_kernel(const __grid_constant__ WgradProblem<typename C::T> p) {
    using T = typename C::T;
    gemm_block<C>(
        p.grid, p.columns, p.pixels,
        [&](int m) {
            return PlainMatrix<typename C::LayoutA, C::threads, C::V, T>(p.grad_y, p.pixels,
                                                                         p.filters, m);
        },
        [&](int n) {
            return GatherSide<typename C::LayoutB, C::threads, C::V, T>(p.x_at, p.x, n, p.columns,
                                                                        p.pixels);
        },
        [&](int m) { return m < p.filters ? m * p.columns : -1; });
}

template <class T>
void gemm_wgrad(ThisDevice& device, const ConvWgradArgs<T>& args) {
    const ConvShape& s = args.shape;
    const ConvProduct product = conv_product(ConvPass::wgrad, s);
    WgradProblem<T> problem{.grid = {},
                            .x_at = pixels_of_x(s),
                            .x = args.x,
                            .grad_y = args.grad_y,
                            .pixels = int(product.depth),
                            .filters = int(s.K),
                            .columns = int(product.n)};
    const GemmJob<T> job{
        .shape = s,
        .math = args.math,
        .a = args.grad_y,
        .b = args.x,
        .result = conv_result(ConvEpilogue<T>{}, args.grad_w),
        .result_vectors = result_vectors(ConvEpilogue<T>{}, args.grad_w, sizeof(float), product.n),
        .workspace = args.workspace,
        .result_size = s.w_size(),
        .channels = int(product.n)};
    run_gemm<ConvPass::wgrad>(device, "conv_wgrad_kernel", job, product,
                              [&]<class C>(const GemmGrid<T>& grid, const Launch& config) {
                                  problem.grid = grid;
                                  launch(device, config, conv_wgrad_kernel<C>, problem);
                              });
}

/// By the kernel for few channels; false if it does not take the shape.
template <class T>
bool narrow_wgrad(ThisDevice& device, const ConvWgradArgs<T>& args) {
    if constexpr (std::is_same_v<T, bf16>) {
        const auto conv = narrow_conv(args.shape);
        if (!conv) return false;
        narrow_wgrad(device, NarrowWgradArgs{.conv = *conv,
                                             .x = conv->turned ? args.grad_y : args.x,
                                             .grad_y = conv->turned ? args.x : args.grad_y,
                                             .grad_w = args.grad_w,
                                             .workspace = args.workspace});
        return true;
    }
    return false;
}

}  // namespace

template <DeviceContext Device, class T>
void conv_wgrad(Device& device, const ConvWgradArgs<T>& args) {
    check_conv_extents(ConvPass::wgrad, args.shape);
    ConvImplementation* chosen = chosen_for(device, args);
    check_conv_device(
        ConvPass::wgrad, args.shape,
        {required_pointer("x", args.x), required_pointer("grad_y", args.grad_y),
         required_pointer("grad_w", args.grad_w), optional_pointer("workspace", args.workspace)},
        chosen ? workspace_floats(*chosen)
               : conv_workspace<T>(device.properties(), ConvPass::wgrad, args.shape, args.math),
        args.workspace, args.workspace_size);
    if (chosen) return chosen->run(conv_operands(args), args.workspace);
    if (!narrow_wgrad(device, args)) gemm_wgrad(device, args);
}
template void conv_wgrad(ThisDevice&, const ConvWgradArgs<float>&);
template void conv_wgrad(ThisDevice&, const ConvWgradArgs<bf16>&);

}  // namespace sg
