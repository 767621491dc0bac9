#pragma once

#include <algorithm>

#include "kernels/conv/choice/chooser.h"

namespace sg {

// How a device's conv_forward, conv_dgrad and conv_wgrad hand over to who was chosen.

template <class T, class Out, class W>
ConvCall conv_call(const ConvForwardArgs<T, Out, W>& args) {
    return {.pass = ConvPass::forward,
            .shape = args.shape,
            .arithmetic = conv_arithmetic<T>(args.math),
            .wide_result = sizeof(Out) > sizeof(T),
            .bias = args.epilogue.bias != nullptr,
            .slope = args.epilogue.slope};
}
template <class T, class Out, class W>
ConvCall conv_call(const ConvDgradArgs<T, Out, W>& args) {
    return {.pass = ConvPass::dgrad,
            .shape = args.shape,
            .arithmetic = conv_arithmetic<T>(args.math),
            .wide_result = sizeof(Out) > sizeof(T),
            .bias = args.epilogue.bias != nullptr,
            .slope = args.epilogue.slope};
}
template <class T>
ConvCall conv_call(const ConvWgradArgs<T>& args) {
    return {.pass = ConvPass::wgrad,
            .shape = args.shape,
            .arithmetic = conv_arithmetic<T>(args.math),
            .wide_result = sizeof(T) < sizeof(float)};
}

template <class T, class Out, class W>
ConvOperands conv_operands(const ConvForwardArgs<T, Out, W>& args) {
    return {args.x, args.w, args.epilogue.bias, args.y};
}
template <class T, class Out, class W>
ConvOperands conv_operands(const ConvDgradArgs<T, Out, W>& args) {
    return {args.grad_y, args.w, args.epilogue.bias, args.grad_x};
}
template <class T>
ConvOperands conv_operands(const ConvWgradArgs<T>& args) {
    return {args.x, args.grad_y, nullptr, args.grad_w};
}

/// Whether all operands are where libraries can read and write 16 bytes at a time.
inline bool aligned(const ConvOperands& operands) {
    for (const void* p : {operands.a, operands.b, static_cast<const void*>(operands.bias),
                          static_cast<const void*>(operands.result)})
        if (reinterpret_cast<uintptr_t>(p) % 16 != 0) return false;
    return true;
}

/// Who was chosen for the call; null if it is not open to choice: the device has no chooser, or
/// only our own kernels have what is asked for.
template <class Device, class Args>
ConvImplementation* chosen_for(Device& device, const Args& args) {
    if (!device.conv_chooser() || args.form == ConvForm::own || !aligned(conv_operands(args)))
        return nullptr;
    if constexpr (requires { args.epilogue; })
        if (args.epilogue.mask || args.epilogue.residual) return nullptr;
    if constexpr (requires { args.label_bias; })
        if (args.label_bias) return nullptr;
    return &device.conv_chooser()->get(conv_call(args));
}

/// Floats of workspace that an implementation needs.
inline int64_t workspace_floats(const ConvImplementation& implementation) {
    return (implementation.workspace_bytes() + 3) / 4;
}

/// Floats of workspace for a call by whoever is chosen for it, or by our own kernels, which step in
/// where operands are not aligned.
template <class Device>
int64_t chosen_workspace(Device& device, const ConvCall& call) {
    const int64_t own = conv_workspace(device.properties(), call);
    if (!device.conv_chooser()) return own;
    return std::max(own, workspace_floats(device.conv_chooser()->get(call)));
}

}  // namespace sg
