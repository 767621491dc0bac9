#include "kernels/conv/check.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg {

const char* to_string(ConvPass pass) {
    switch (pass) {
        case ConvPass::forward:
            return "conv_forward";
        case ConvPass::dgrad:
            return "conv_dgrad";
        case ConvPass::wgrad:
            break;
    }
    return "conv_wgrad";
}

std::string to_string(const ConvShape& s) {
    return fmt::format("x [{},{},{},{}] (NHWC), w [{},{},{},{}] (KRSC), stride {}, pad {}", s.N,
                       s.H, s.W, s.C, s.K, s.R, s.S, s.C, s.stride, s.pad);
}

void check_conv_shape(const char* operation, const ConvShape& s) {
    const bool positive = std::min({s.N, s.H, s.W, s.C, s.K, s.R, s.S, s.stride}) > 0;
    require(positive && s.pad >= 0, operation, "extents must be positive: {}", to_string(s));
    require(s.H + 2 * s.pad >= s.R && s.W + 2 * s.pad >= s.S, operation,
            "the kernel is larger than the padded image: {}", to_string(s));
}

LabelBiasShape label_bias_shape(const ConvShape& s) {
    return {.N = s.N, .H = s.H, .W = s.W, .K = s.K, .L = 1, .R = s.R};
}

void check_label_bias_conv(const ConvShape& s, bool epilogue) {
    const char* op = "conv_forward";
    require(s.R == s.S && s.stride == 1 && 2 * s.pad == s.R - 1, op,
            "a label bias needs an odd square kernel, stride 1 and pad (R-1)/2: {}", to_string(s));
    require(!epilogue, op, "a label bias and an epilogue exclude each other: {}", to_string(s));
    check_label_bias(op, label_bias_shape(s));
}

void check_conv_extents(ConvPass pass, const ConvShape& s) {
    const char* op = to_string(pass);
    check_conv_shape(op, s);
    constexpr int64_t most = (int64_t{1} << 31) - 256;
    const auto few = [&](std::initializer_list<int64_t> extents) {
        double product = 1;  // which cannot overflow
        for (int64_t extent : extents) product *= double(extent);
        return product < double(most);
    };
    require(
        few({s.N, s.H, s.W, s.C}) && few({s.K, s.R, s.S, s.C}) && few({s.N, s.P(), s.Q(), s.K}) &&
            std::max({s.H + 2 * s.pad, s.W + 2 * s.pad, s.stride}) < most,
        op, "tensors and padded extents must have less than 2^31 - 256 elements: {}", to_string(s));
}

void check_conv_device(ConvPass pass, const ConvShape& s,
                       std::initializer_list<ConvPointer> pointers, int64_t needed,
                       const float* workspace, int64_t given) {
    const char* op = to_string(pass);
    for (const ConvPointer& p : pointers) {
        require(p.address || p.optional, op, "{} is null: {}", p.name, to_string(s));
        require(reinterpret_cast<uintptr_t>(p.address) % p.alignment == 0, op,
                "{} is at {}, its type needs multiples of {} bytes: {}", p.name, p.address,
                p.alignment, to_string(s));
    }
    require(needed == 0 || (workspace && given >= needed), op,
            "needs a workspace of {} floats (conv_workspace), got {}: {}", needed,
            workspace ? given : 0, to_string(s));
}

}  // namespace sg
