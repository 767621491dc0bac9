#pragma once

#include <string>

#include "model/discriminator.h"

namespace sg {

/// How D tells real from fake. `s` are the patch scores D_src.
///   wgan_gp:            L_D = -<s(real)> + <s(fake)> + lambda_gp GP,  L_G = -<s(fake)>
///   vanilla:            Eq. 1 with logits, G non-saturating: L_D = <softplus(-s(real))> +
///                       <softplus(s(fake))>, L_G = <softplus(-s(fake))>
///   vanilla_saturating: Eq. 1 as written: L_G = <log(1 - sigmoid(s))> = -<softplus(s(fake))>
enum class GanLoss { wgan_gp, vanilla, vanilla_saturating };
GanLoss gan_loss_from_string(const std::string& text);
const char* to_string(GanLoss gan);

/// Weights and constants of the objectives (paper, section 5.3).
struct LossConfig {
    GanLoss gan = GanLoss::wgan_gp;
    double lambda_cls = 1;
    double lambda_rec = 10;
    double lambda_gp = 10;
    bool operator==(const LossConfig&) const = default;
};

Tensor adversarial_loss_real(GanLoss gan, const Tensor& src);       ///< D's, on real images
Tensor adversarial_loss_fake(GanLoss gan, const Tensor& src);       ///< D's, on fakes
Tensor adversarial_loss_generator(GanLoss gan, const Tensor& src);  ///< G's

/// Classification error of the group that is known for this batch; logits [N, class_dim], labels
/// [N, label_dim] of the full label vector. Multi-label: BCE summed over attributes, averaged over
/// the batch; one-hot: cross entropy.
Tensor classification_loss(const LabelLayout& layout, int group, const Tensor& logits,
                           const Tensor& labels);

/// Share of the known group's labels that the logits predict: for multi-label every attribute
/// counts (logit > 0), for one-hot every image (largest logit). Both on the host, shaped as above.
double classification_accuracy(const LabelLayout& layout, int group, std::span<const double> logits,
                               std::span<const double> labels);

/// WGAN-GP's penalty as the reference implementation has it: the gradient of the *sum* over the
/// patch map, its norm per image, the mean over images of (norm - 1)^2. Recorded, so that its own
/// gradient comes from double backward.
struct Penalty {
    Tensor value;  ///< [1]
    Tensor grad;   ///< d sum(D_src) / d x_hat, of x_hat's shape
};
Penalty gradient_penalty(const Discriminator& D, const Tensor& x_hat);

/// The penalty's value [1] from g, the norms ||g_n|| [N], and k [N] with d value / d g_n = k_n g_n
/// (kernels/gradient_penalty).
struct PenaltyOfGradient {
    Tensor value, norm, k;
};
PenaltyOfGradient penalty_of_gradient(const Tensor& g);

/// The same penalty with its gradients by D's parameters in closed form: D is piecewise linear, so
/// no second differentiation is needed (derivation: kernels/gradient_penalty/README.md).
struct ClosedFormPenalty {
    double value;
    Tensor grad;                    ///< as above
    std::vector<Tensor> by_weight;  ///< d value / d weight of strided layer l
    Tensor by_src_weight;           ///< d value / d weight of the patch head
    // Biases and the class head: zero.
};
ClosedFormPenalty closed_form_penalty(const Discriminator& D, const Tensor& x_hat);

/// A loss L(x) [1] and dL/dx, by automatic differentiation on the spot; for an x that is small.
template <class Loss>
std::pair<Tensor, Tensor> loss_and_gradient(const Tensor& x, const Loss& loss) {
    const GradMode on(true);
    Tensor variable = x.detach();
    variable.set_requires_grad();
    const Tensor value = loss(variable);
    return {value.detach(), grad({value}, {variable})[0]};
}

/// alpha[n] real + (1 - alpha[n]) fake; alpha [N].
Tensor interpolate(const Tensor& real, const Tensor& fake, const Tensor& alpha);

}  // namespace sg
