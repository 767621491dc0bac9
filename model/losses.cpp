#include "model/losses.h"

#include <algorithm>

#include "engine/run_kernel.h"
#include "kernels/gradient_penalty/gradient_penalty.h"

namespace sg {

GanLoss gan_loss_from_string(const std::string& text) {
    if (text == "wgan-gp") return GanLoss::wgan_gp;
    if (text == "vanilla") return GanLoss::vanilla;
    if (text == "vanilla-saturating") return GanLoss::vanilla_saturating;
    throw Error("gan", fmt::format("'{}' is unknown, expected wgan-gp, vanilla or "
                                   "vanilla-saturating",
                                   text));
}

const char* to_string(GanLoss gan) {
    return gan == GanLoss::wgan_gp   ? "wgan-gp"
           : gan == GanLoss::vanilla ? "vanilla"
                                     : "vanilla-saturating";
}

Tensor adversarial_loss_real(GanLoss gan, const Tensor& src) {
    return gan == GanLoss::wgan_gp ? affine(mean(src), -1) : mean(softplus(affine(src, -1)));
}

Tensor adversarial_loss_fake(GanLoss gan, const Tensor& src) {
    return gan == GanLoss::wgan_gp ? mean(src) : mean(softplus(src));
}

Tensor adversarial_loss_generator(GanLoss gan, const Tensor& src) {
    switch (gan) {
        case GanLoss::wgan_gp:
            return affine(mean(src), -1);
        case GanLoss::vanilla:
            return mean(softplus(affine(src, -1)));
        case GanLoss::vanilla_saturating:
            break;
    }
    return affine(mean(softplus(src)), -1);
}

Tensor classification_loss(const LabelLayout& layout, int group, const Tensor& logits,
                           const Tensor& labels) {
    require(group >= 0 && group < int(layout.groups.size()), "classification_loss",
            "group {} of {}", group, layout.groups.size());
    const int64_t begin = layout.offset(group), dim = layout.groups[group].dim();
    const Tensor known = slice_columns(logits, begin, dim);
    const Tensor target = slice_columns(labels, begin, dim);
    return layout.groups[group].kind == LabelKind::multi_label ? bce_with_logits(known, target)
                                                               : cross_entropy(known, target);
}

double classification_accuracy(const LabelLayout& layout, int group, std::span<const double> logits,
                               std::span<const double> labels) {
    const size_t begin = layout.offset(group), dim = layout.groups[group].dim();
    const size_t logit_row = layout.class_dim(), label_row = layout.label_dim();
    const size_t rows = logits.size() / logit_row;
    require(logits.size() == rows * logit_row && labels.size() == rows * label_row,
            "classification_accuracy", "{} logits and {} labels do not belong together",
            logits.size(), labels.size());
    const auto largest = [](std::span<const double> row) {
        return std::max_element(row.begin(), row.end()) - row.begin();
    };
    const bool one_hot = layout.groups[group].kind == LabelKind::one_hot;
    int64_t right = 0;
    for (size_t n = 0; n < rows; ++n) {
        const auto predicted = logits.subspan(n * logit_row + begin, dim);
        const auto target = labels.subspan(n * label_row + begin, dim);
        if (one_hot)
            right += largest(predicted) == largest(target);
        else
            for (size_t i = 0; i < dim; ++i) right += (predicted[i] > 0) == (target[i] > 0.5);
    }
    return double(right) / double(one_hot ? rows : rows * dim);
}

Penalty gradient_penalty(const Discriminator& D, const Tensor& x_hat) {
    const Tensor src = D.src_head(D.features(x_hat).back());
    const Tensor g = grad({src}, {x_hat}, {.create_graph = true})[0];
    const Tensor norm = sqrt(sum_rows(mul(g, g)));
    const Tensor excess = affine(norm, 1, -1);
    return {.value = mean(mul(excess, excess)), .grad = g};
}

PenaltyOfGradient penalty_of_gradient(const Tensor& g) {
    const int64_t N = g.dim(0), M = g.size() / N;
    const PenaltyOfGradient p{.value = Tensor::empty(g.device(), {1}, g.dtype()),
                              .norm = Tensor::empty(g.device(), {N}, g.dtype()),
                              .k = Tensor::empty(g.device(), {N}, g.dtype())};
    Tensor workspace = Tensor::empty(g.device(), {penalty_workspace(N, M)}, g.dtype());
    run_master_kernel("gradient_penalty", g, [&]<class T>(auto& context) {
        gradient_penalty(context, PenaltyArgs<T>{.N = N,
                                                 .M = M,
                                                 .g = g.data<T>(),
                                                 .norm = p.norm.data<T>(),
                                                 .k = p.k.data<T>(),
                                                 .value = p.value.data<T>(),
                                                 .workspace = workspace.data<T>()});
    });
    return p;
}

ClosedFormPenalty closed_form_penalty(const Discriminator& D, const Tensor& x_hat) {
    const GradMode off(false);
    const int L = D.config().d_repeat_num;
    const ConvOptions conv = D.strided();
    const std::vector<Tensor> a = D.features(x_hat);  // a_l, whose signs are the masks m_l
    const auto input = [&](int l) -> const Tensor& { return l == 0 ? x_hat : a[l - 1]; };
    const auto to_image = [&](ConvOptions options) {
        options.out = x_hat.dtype();
        return options;
    };

    // Backward from ones on the patch map: u_l = m_l . c_l, c_{l-1} = W_l^T u_l, g = c_0.
    ConvOptions head = D.src_options();
    head.out.reset();
    const Shape map{x_hat.dim(0), a.back().dim(1), a.back().dim(2), 1};
    const Tensor ones = Tensor::full(x_hat.device(), map, x_hat.dtype(), 1);
    std::vector<Tensor> u(L);
    Tensor c = conv2d_dgrad(ones, D.src_weight(), map[1], map[2], head);
    for (int l = L - 1; l >= 0; --l) {
        u[l] = leaky_relu_backward(c, a[l], D.slope);
        c = conv2d_dgrad(u[l], D.weight(l), input(l).dim(1), input(l).dim(2),
                         l == 0 ? to_image(conv) : conv);
    }
    ClosedFormPenalty result;
    result.grad = c;

    // Tangents forward from v: t_l = m_l . (W_l t_{l-1}), no bias; dP/dW_l = wgrad(t_{l-1}, u_l).
    const PenaltyOfGradient penalty = penalty_of_gradient(c);
    result.value = penalty.value.item();
    Tensor t = scale_rows(c, penalty.k);
    for (int l = 0; l < L; ++l) {
        result.by_weight.push_back(conv2d_wgrad(t, u[l], 4, 4, conv));
        t = leaky_relu_backward(conv2d(t, D.weight(l), {}, conv), a[l], D.slope);
    }
    result.by_src_weight = conv2d_wgrad(t, ones, 3, 3, head);
    return result;
}

Tensor interpolate(const Tensor& real, const Tensor& fake, const Tensor& alpha) {
    const int64_t N = real.dim(0);
    require(real.shape() == fake.shape() && alpha.shape() == Shape{N} &&
                real.dtype() == fake.dtype() && real.dtype() == alpha.dtype(),
            "interpolate", "real {}, fake {}, alpha {} do not belong together",
            to_string(real.shape()), to_string(fake.shape()), to_string(alpha.shape()));
    Tensor x_hat = Tensor::empty(real.device(), real.shape(), real.dtype());
    run_master_kernel("interpolate", real, [&]<class T>(auto& context) {
        interpolate(context, InterpolateArgs<T>{.N = N,
                                                .M = real.size() / N,
                                                .real = real.data<T>(),
                                                .fake = fake.data<T>(),
                                                .alpha = alpha.data<T>(),
                                                .x_hat = x_hat.data<T>()});
    });
    return x_hat;
}

}  // namespace sg
