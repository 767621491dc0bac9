#pragma once

#include <cstdint>
#include <string>

#include "engine/tensor.h"
#include "kernels/conv/conv.h"
#include "model/labels.h"

namespace sg {

/// How G doubles an image, twice: by a transposed 4x4 convolution of stride 2, as in the paper, or
/// by repeating pixels and a 3x3 convolution ("resize-convolution": Odena, Dumoulin, Olah,
/// "Deconvolution and Checkerboard Artifacts", Distill 2016).
enum class Upsample { deconv, resize };
Upsample upsample_from_string(const std::string& text);
const char* to_string(Upsample upsample);

/// The two networks' sizes (paper, appendix 7.2, tables 4 and 5; defaults are the paper's).
struct ModelConfig {
    int height = 128, width = 128;  ///< of the images, in pixels
    int g_conv_dim = 64;            ///< channels after G's first layer
    int g_repeat_num = 6;           ///< G's residual blocks
    int d_conv_dim = 64;            ///< channels after D's first layer
    int d_repeat_num = 6;           ///< D's strided layers; each halves the image
    Upsample upsample = Upsample::deconv;
    LabelLayout labels;

    /// Height / width of D's last feature map (and of the class head's kernel).
    int final_height() const { return height >> d_repeat_num; }
    int final_width() const { return width >> d_repeat_num; }
    bool operator==(const ModelConfig&) const = default;
};

/// Refuses sizes that cannot work, naming the nearest that would: G halves and doubles twice
/// (multiples of 4), D halves d_repeat_num times (multiples of 2^d_repeat_num).
void validate(const ModelConfig& config);

/// Storage and product type of activations. tf32 stores f32 and lets devices round the operands of
/// convolutions to tf32 (the CPU computes f32). Parameters, statistics, losses and Adam are f64
/// with f64, f32 with all others.
enum class Precision { f32, tf32, bf16, f64 };
Precision precision_from_string(const std::string& text);
const char* to_string(Precision precision);
DType compute_type(Precision precision);
ConvMath conv_math(Precision precision);
DType master_type(Precision precision);

}  // namespace sg
