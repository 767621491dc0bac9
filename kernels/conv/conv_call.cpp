#include "kernels/conv/conv_call.h"

#include <fmt/format.h>

namespace sg {

const char* to_string(ConvArithmetic arithmetic) {
    switch (arithmetic) {
        case ConvArithmetic::f32:
            return "f32";
        case ConvArithmetic::tf32:
            return "tf32";
        case ConvArithmetic::bf16:
            break;
    }
    return "bf16";
}

std::string to_string(const ConvCall& call) {
    std::string text = fmt::format("{} {}{} {}", to_string(call.pass), to_string(call.arithmetic),
                                   call.wide_result ? " to f32" : "", to_string(call.shape));
    if (call.bias) text += " bias";
    if (call.slope != 1) text += fmt::format(" slope {}", call.slope);
    return text;
}

int64_t conv_workspace(const DeviceProperties& device, const ConvCall& call) {
    if (call.arithmetic == ConvArithmetic::bf16)
        return conv_workspace<bf16>(device, call.pass, call.shape);
    return conv_workspace<float>(
        device, call.pass, call.shape,
        call.arithmetic == ConvArithmetic::tf32 ? ConvMath::tf32 : ConvMath::strict);
}

}  // namespace sg
