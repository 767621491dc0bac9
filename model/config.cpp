#include "model/config.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg {

namespace {

void validate_extent(const char* name, int extent, int d_repeat_num) {
    const int step = std::max(4, 1 << d_repeat_num);
    if (extent > 0 && extent % step == 0) return;
    const int below = extent / step * step, above = below + step;
    throw Error(
        "model",
        fmt::format("image {} {} cannot be halved {} times by D and twice by G: it must be "
                    "a multiple of {}",
                    name, extent, d_repeat_num, step),
        below > 0
            ? fmt::format("{} or {} would work, or fewer D layers (--d-repeat-num)", below, above)
            : fmt::format("{} would work, or fewer D layers (--d-repeat-num)", above));
}

}  // namespace

Upsample upsample_from_string(const std::string& text) {
    if (text == "deconv") return Upsample::deconv;
    if (text == "resize") return Upsample::resize;
    throw Error("upsample", fmt::format("'{}' is unknown, expected deconv or resize", text));
}

const char* to_string(Upsample upsample) {
    return upsample == Upsample::deconv ? "deconv" : "resize";
}

void validate(const ModelConfig& config) {
    const auto positive = [](const char* name, int value, int least, int most) {
        require(value >= least && value <= most, "model", "{} is {}, expected {} to {}", name,
                value, least, most);
    };
    positive("g_conv_dim", config.g_conv_dim, 1, 1024);
    positive("d_conv_dim", config.d_conv_dim, 1, 1024);
    positive("g_repeat_num", config.g_repeat_num, 0, 64);
    positive("d_repeat_num", config.d_repeat_num, 1, 10);
    require(config.labels.class_dim() > 0, "model", "there are no labels");
    validate_extent("height", config.height, config.d_repeat_num);
    validate_extent("width", config.width, config.d_repeat_num);
    require(config.height >= 8 && config.width >= 8, "model",
            "an image of {}x{} leaves one pixel after two halvings, which instance normalisation "
            "turns to zero; 8x8 is the least",
            config.height, config.width);
}

Precision precision_from_string(const std::string& text) {
    if (text == "f32") return Precision::f32;
    if (text == "tf32") return Precision::tf32;
    if (text == "bf16") return Precision::bf16;
    if (text == "f64") return Precision::f64;
    throw Error("precision", fmt::format("'{}' is unknown, expected f32, tf32, bf16 or f64", text));
}

const char* to_string(Precision precision) {
    return precision == Precision::tf32 ? "tf32" : to_string(compute_type(precision));
}

DType compute_type(Precision precision) {
    return precision == Precision::bf16  ? DType::bf16
           : precision == Precision::f64 ? DType::f64
                                         : DType::f32;
}

ConvMath conv_math(Precision precision) {
    return precision == Precision::tf32 ? ConvMath::tf32 : ConvMath::strict;
}

DType master_type(Precision precision) {
    return master_type(compute_type(precision));
}

}  // namespace sg
