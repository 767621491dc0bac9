#include "model/generator_pass.h"

#include <functional>
#include <tuple>

#include "engine/conv_into.h"
#include "engine/label_bias.h"
#include "engine/stages.h"

namespace sg {

namespace {

using Kind = GeneratorLayer::Kind;

DType result_type(const GeneratorLayer& layer, const Tensor& x) {
    return layer.options.out.value_or(x.dtype());
}

/// What the layer's convolution makes of a map.
Tensor convolve(const GeneratorLayer& layer, const Tensor& w, const Tensor& x) {
    const Tensor in = layer.kind == Kind::resized ? upsample2x(x) : x;
    const bool transposed = layer.kind == Kind::transposed;
    const int64_t factor = transposed ? layer.options.stride : 1;
    const int64_t divisor = transposed ? 1 : layer.options.stride;
    const Tensor y = Tensor::empty(x.device(),
                                   {in.dim(0), in.dim(1) * factor / divisor,
                                    in.dim(2) * factor / divisor, w.dim(transposed ? 3 : 0)},
                                   result_type(layer, x));
    if (transposed)
        conv2d_dgrad_into(y, in, w, layer.options);
    else
        conv2d_into(y, in, w, layer.options);
    return y;
}

/// The gradient by a map of shape `shape` from u, that by the convolution's result; `skipped`, if
/// given, is added and overwritten with it.
Tensor input_gradient(const GeneratorLayer& layer, const Tensor& w, const Tensor& u, Shape shape,
                      const Tensor& skipped = {}) {
    ConvOptions options = layer.options;
    options.out.reset();
    if (layer.kind == Kind::resized) {
        shape[1] *= 2, shape[2] *= 2;
        const Tensor large = Tensor::empty(u.device(), shape, u.dtype());
        conv2d_dgrad_into(large, u, w, options);
        return upsample2x_backward(large);
    }
    const Tensor out = skipped ? skipped : Tensor::empty(u.device(), shape, u.dtype());
    if (layer.kind == Kind::transposed)
        conv2d_into(out, u, w, options);
    else
        conv2d_dgrad_into(out, u, w, options, {.residual = skipped});
    return out;
}

/// The gradient by the layer's weight, of w's shape.
Tensor weight_gradient(const GeneratorLayer& layer, const Tensor& w, const Tensor& x,
                       const Tensor& u) {
    at_stage(u.device(), "G wgrad");
    const Tensor out = Tensor::empty(u.device(), w.shape(), master_type(u.dtype()));
    if (layer.kind == Kind::transposed)  // the convolution that it is the transpose of has u for x
        conv2d_wgrad_into(out, u, x, layer.options);
    else
        conv2d_wgrad_into(out, layer.kind == Kind::resized ? upsample2x(x) : x, u, layer.options);
    return out;
}

void accumulate(Tensor& sum, const Tensor& term) {
    sum = sum ? add(sum, term) : term;
}

/// What layer l's convolution multiplies with; the first one's weights for x's channels alone,
/// because the labels need no planes (engine/label_bias.h).
Tensor weight_for(const Generator& G, size_t l, const Tensor& x) {
    const Tensor w = G.parameters().operand(3 * l);
    return l == 0 ? label_concat_backward(w, x.dim(3)) : w;
}

/// What layer l's normalisation is given; the first one up to a constant per image and channel,
/// which it removes.
Tensor sums_of(const Generator& G, size_t l, const Tensor& w, const Tensor& map,
               const Tensor& labels) {
    at_stage(map.device(), "G convolutions");
    const Tensor sums = convolve(G.layers()[l], w, map);
    at_stage(map.device(), "G norms");
    if (l == 0) add_labels(sums, labels, G.parameters().value(0));
    return sums;
}

/// The gradient by the first layer's whole weight; x is the image.
Tensor first_weight_gradient(const GeneratorLayer& layer, const Tensor& w, const Tensor& x,
                             const Tensor& labels, const Tensor& u) {
    const Tensor by_image = weight_gradient(layer, w, x, u);
    const Tensor out = label_concat(
        by_image, Tensor::zeros(u.device(), {w.dim(0), labels.dim(1)}, by_image.dtype()));
    write_label_gradients(out, u, labels);
    return out;
}

}  // namespace

Tensor generate(const Generator& G, const Tensor& x, const Tensor& labels) {
    const GradMode off(false);
    Tensor map = cast(x, G.compute()), skip;
    for (size_t l = 0; l < G.layers().size(); ++l) {
        const GeneratorLayer& layer = G.layers()[l];
        if (layer.opens_block) skip = map;
        map = sums_of(G, l, weight_for(G, l, x), map, labels);
        if (layer.is_head()) break;
        const Tensor residual = layer.closes_block ? std::exchange(skip, {}) : Tensor();
        instance_norm_into(map, map, layer.gamma, layer.beta,
                           {.relu = !layer.closes_block, .residual = residual});
    }
    return tanh(map);
}

GeneratorPass::GeneratorPass(const Generator& G, const Tensor& x, const Tensor& labels)
    : layers_(G.layers()),
      compute_(G.compute()),
      x_(x.detach()),
      labels_(labels),
      kept_(layers_.size()) {
    const GradMode off(false);
    for (size_t l = 0; l < layers_.size(); ++l) weights_.push_back(weight_for(G, l, x_));
    Tensor map = cast(x_, compute_), skip;
    int blocks = 0;
    for (size_t l = 0; l < layers_.size(); ++l) {
        const GeneratorLayer& layer = layers_[l];
        Kept& kept = kept_[l];
        if (layer.opens_block) skip = map;
        // Every other block's result; the one after it is this one and a normalised map.
        const bool leaves_block = l > 0 && layers_[l - 1].closes_block;
        if (leaves_block && ++blocks % 2 == 1) kept.input = map;
        const Tensor sums = sums_of(G, l, weights_[l], map, labels_);
        if (layer.is_head()) {
            output_ = tanh(sums);
            return;
        }
        kept.sums = sums;
        map = Tensor::empty(sums.device(), sums.shape(), sums.dtype());
        kept.statistics = instance_norm_into(
            map, sums, layer.gamma, layer.beta,
            {.relu = !layer.closes_block, .residual = layer.closes_block ? skip : Tensor()});
    }
}

std::pair<Tensor, Tensor> GeneratorPass::through_layer(size_t l, const Tensor& u, Tensor& skipped,
                                                       std::vector<Tensor>& grads) {
    const GeneratorLayer &layer = layers_[l], &before = layers_[l - 1];
    Kept& from = kept_[l - 1];
    at_stage(u.device(), "G dgrad");
    const Tensor by_map = input_gradient(layer, weights_[l], u, from.sums.shape(),
                                         layer.opens_block ? skipped : Tensor());
    at_stage(u.device(), "G norms back");
    // Through the normalisation: in place, unless the gradient also skips the block.
    Tensor map = kept_[l].input;
    const bool again = !map;
    if (again) map = Tensor::empty(by_map.device(), by_map.shape(), by_map.dtype());
    Tensor by_sums = by_map;
    if (before.closes_block) {
        skipped = by_map;
        by_sums = Tensor::empty(by_map.device(), by_map.shape(), by_map.dtype());
    }
    const NormGradients by =
        instance_norm_backward_into(by_sums, by_map, from.sums, before.gamma, before.beta,
                                    from.statistics, !before.closes_block, again ? map : Tensor());
    if (again && before.closes_block) map = add(map, kept_[l - 2].input);
    from.sums = kept_[l].input = {};
    accumulate(grads[3 * l - 2], by.gamma);
    accumulate(grads[3 * l - 1], by.beta);
    return {map, by_sums};
}

Tensor GeneratorPass::backward(const Tensor& grad_y, std::vector<Tensor>& grads,
                               InputGradient by_x) {
    require(!weights_.empty(), "generator", "a pass goes back once");
    const GradMode off(false);
    // u: the gradient by the present convolution's result. skipped: by what leaves its block.
    Tensor u = cast(tanh_backward(grad_y, output_), compute_), skipped;
    // The weight gradient of the layer before in this order, made beside the way to the next map.
    std::function<void()> waiting = [] {};
    Device& device = x_.device();
    for (size_t l = layers_.size() - 1; l > 0; --l) {
        Tensor map, by_sums;
        device.beside(waiting,
                      [&] { std::tie(map, by_sums) = through_layer(l, u, skipped, grads); });
        waiting = [this, l, &grads, map = std::move(map), u = std::move(u)]() mutable {
            accumulate(grads[3 * l], weight_gradient(layers_[l], weights_[l], map, u));
            map = u = {};
        };
        u = by_sums;
    }
    Tensor result;
    const auto first = [&] {
        waiting();
        accumulate(grads[0],
                   first_weight_gradient(layers_[0], weights_[0], cast(x_, compute_), labels_, u));
    };
    device.beside(first, [&] {
        at_stage(device, "G dgrad");
        if (by_x == InputGradient::yes)
            result = input_gradient(layers_[0], weights_[0], u, x_.shape());
    });
    weights_.clear();
    at_stage(device, "other");
    return result;
}

}  // namespace sg
