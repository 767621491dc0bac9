#include "model/stargan.h"

#include <cmath>

#include "kernels/common/philox.h"

namespace sg {

StarGan::StarGan(Device& device, const ModelConfig& model_config, Precision model_precision,
                 double ema_decay, Masters masters)
    : config((validate(model_config), model_config)),
      precision(model_precision),
      ema(ema_decay),
      G(device, config, precision, Moments::adam, masters),
      D(device, config, precision, masters) {
    require(ema >= 0 && ema < 1, "model", "ema is {}, expected a decay in [0, 1), 0 for none", ema);
    if (ema > 0) G_ema.emplace(device, config, precision, Moments::none);
}

const Generator& display_generator(const StarGan& model) {
    return model.G_ema ? *model.G_ema : model.G;
}

namespace {

/// out[n, b, a] = in[n, a, b] for `outer` matrices of `rows` x `columns`.
template <class T>
std::vector<T> transpose_inner(std::span<const T> in, int64_t outer, int64_t rows,
                               int64_t columns) {
    std::vector<T> out(in.size());
    for (int64_t n = 0; n < outer; ++n)
        for (int64_t a = 0; a < rows; ++a)
            for (int64_t b = 0; b < columns; ++b)
                out[(n * columns + b) * rows + a] = in[(n * rows + a) * columns + b];
    return out;
}

bool is_norm_weight(const Parameters::Entry& entry) {
    return entry.shape.size() == 1 && entry.name.ends_with(".weight");
}

/// Number of inputs that feed one output. PyTorch takes the second axis of the weight, also for
/// transposed convolutions, whose weight is [in, out, R, S].
int64_t fan_in(const Shape& weight) {
    return weight[1] * weight[2] * weight[3];
}

void initialise(Parameters& parameters, uint64_t seed, RngPurpose purpose, bool conv_bias) {
    double bound = 0;  // a convolution's bias follows its weight and shares its bound
    for (size_t i = 0; i < parameters.entries().size(); ++i) {
        const auto& entry = parameters.entries()[i];
        const Rng rng{.seed = seed, .purpose = purpose, .iteration = uint32_t(i)};
        std::vector<float> values(element_count(entry.shape));
        if (entry.shape.size() == 4) bound = 1 / std::sqrt(double(fan_in(entry.shape)));
        const bool random = entry.shape.size() == 4 || conv_bias;
        for (size_t e = 0; e < values.size(); ++e)
            values[e] = random ? float((2.0 * rng.uniform(e) - 1.0) * bound)
                               : (is_norm_weight(entry) ? 1.0f : 0.0f);
        parameters.assign(i, std::span<const float>(from_file_layout<float>(
                                 entry.shape, std::span<const float>(values))));
    }
}

}  // namespace

void initialise(StarGan& model, uint64_t seed) {
    initialise(model.G.parameters(), seed, RngPurpose::init_generator, false);
    initialise(model.D.parameters(), seed, RngPurpose::init_discriminator, true);
    if (model.G_ema) model.G_ema->parameters().copy_values(model.G.parameters());
}

Shape file_shape(const Shape& shape) {
    return shape.size() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

std::vector<float> to_file_layout(const Tensor& tensor) {
    const std::vector<float> values = tensor.to_host_f32();
    if (tensor.shape().size() != 4) return values;
    const Shape& s = tensor.shape();
    return transpose_inner(std::span<const float>(values), s[0], s[1] * s[2], s[3]);
}

template <class T>
std::vector<T> from_file_layout(const Shape& shape, std::span<const T> values) {
    if (shape.size() != 4) return {values.begin(), values.end()};
    return transpose_inner(values, shape[0], shape[3], shape[1] * shape[2]);
}
template std::vector<float> from_file_layout(const Shape&, std::span<const float>);
template std::vector<double> from_file_layout(const Shape&, std::span<const double>);

Tensor images_from_nchw(Device& device, const Shape& nchw, std::span<const double> values,
                        DType dtype) {
    require(nchw.size() == 4, "images", "expected [N, C, H, W], got {}", to_string(nchw));
    const auto nhwc = transpose_inner(values, nchw[0], nchw[1], nchw[2] * nchw[3]);
    return Tensor::from_host(device, {nchw[0], nchw[2], nchw[3], nchw[1]},
                             std::span<const double>(nhwc), dtype);
}

std::vector<double> images_to_nchw(const Tensor& images) {
    const std::vector<double> values = images.to_host();
    const Shape& s = images.shape();
    return transpose_inner(std::span<const double>(values), s[0], s[1] * s[2], s[3]);
}

}  // namespace sg
