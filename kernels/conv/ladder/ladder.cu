#include "kernels/conv/ladder/ladder.cuh"

#include "kernels/conv/check.h"
#include "kernels/conv/wgmma/conv_wgmma.h"

namespace sg {

namespace {

[[noreturn]] void no_version(ConvPass pass, int version) {
    throw Error(to_string(pass), fmt::format("there is no version {}, only 1 to {}", version,
                                             conv_ladder(pass).size()));
}

template <class Device, class T>
void tensor_core_version(Device& device, const ConvForwardLadder<T>& args) {
    if constexpr (std::is_same_v<T, bf16>)
        launch_conv_v5(device, args);
    else
        throw Error("conv_forward", "version 5 multiplies bf16; f32 has versions 1 to 4");
}

/// The production kernels without wgmma, or with it.
template <class Device, class Args>
ConvWgmma chosen(const Device& device, ConvPass pass, const Args& args, bool wgmma) {
    if (!wgmma) return ConvWgmma::never;
    const bool possible = std::is_same_v<Device, CudaContext> && sizeof(*args.w) == sizeof(bf16) &&
                          conv_wgmma_takes(device.properties(), pass, args.shape);
    require(
        possible, to_string(pass),
        "the wgmma version needs bf16, a GPU of compute capability 9.0 and channels in multiples "
        "of 64: {}",
        to_string(args.shape));
    return ConvWgmma::always;
}

}  // namespace

template <DeviceContext Device, class T, class Out>
void conv_forward_version(Device& device, int version, const ConvForwardArgs<T, Out, T>& args) {
    if (version == 6 || version == 7) {
        auto production = args;
        production.wgmma = chosen(device, ConvPass::forward, args, version == 7);
        return conv_forward(device, production);
    }
    check_conv_extents(ConvPass::forward, args.shape);
    require(!args.label_bias, "conv_forward", "version {} knows no label bias", version);
    const ConvForwardLadder<T> a(args);
    switch (version) {
        case 1:
            return launch_conv_v1(device, a);
        case 2:
            return launch_conv_v2(device, a);
        case 3:
            return launch_conv_v3(device, a);
        case 4:
            return launch_conv_v4(device, a);
        case 5:
            return tensor_core_version(device, a);
    }
    no_version(ConvPass::forward, version);
}

template <DeviceContext Device, class T, class Out>
void conv_dgrad_version(Device& device, int version, const ConvDgradArgs<T, Out, T>& args) {
    if (version == 2 || version == 3) {
        auto production = args;
        production.wgmma = chosen(device, ConvPass::dgrad, args, version == 3);
        return conv_dgrad(device, production);
    }
    check_conv_extents(ConvPass::dgrad, args.shape);
    if (version != 1) no_version(ConvPass::dgrad, version);
    launch_conv_dgrad_v1(device, ConvDgradLadder<T>{ConvExtents(args.shape), args.grad_y, args.w,
                                                    conv_result(args.epilogue, args.grad_x)});
}

template <DeviceContext Device, class T>
void conv_wgrad_version(Device& device, int version, const ConvWgradArgs<T>& args) {
    if (version == 2) return conv_wgrad(device, args);
    check_conv_extents(ConvPass::wgrad, args.shape);
    if (version != 1) no_version(ConvPass::wgrad, version);
    launch_conv_wgrad_v1(
        device, ConvWgradLadder<T>{ConvExtents(args.shape), args.x, args.grad_y, args.grad_w});
}

#define SG_INSTANTIATE(T, Out)                                                               \
    template void conv_forward_version(ThisDevice&, int, const ConvForwardArgs<T, Out, T>&); \
    template void conv_dgrad_version(ThisDevice&, int, const ConvDgradArgs<T, Out, T>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)
template void conv_wgrad_version(ThisDevice&, int, const ConvWgradArgs<float>&);
template void conv_wgrad_version(ThisDevice&, int, const ConvWgradArgs<bf16>&);

}  // namespace sg
