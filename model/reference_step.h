#pragma once

#include "model/stargan.h"

namespace sg {

/// One training batch: images [N,H,W,3], full label vectors [N, label_dim] of the originals and of
/// the targets, alpha [N] in [0,1) for the penalty, all master type; and which group is known.
struct TrainingBatch {
    Tensor x_real, c_org, c_trg, alpha;
    int group = 0;
    Tensor x_fake = {};  ///< what the present G makes of it, for the fused D step; or undefined
};

/// The D step's losses, unweighted, and everything a test wants to see. A loss is a tensor [1]
/// without history: whoever reads it waits for the device.
struct DiscriminatorStep {
    Tensor loss_real, loss_fake, loss_cls;
    Tensor loss_gp;             ///< 0 without penalty
    Tensor gradient_norm;       ///< mean of ||dD/dx_hat|| over the batch; 0 without penalty
    std::vector<Tensor> grads;  ///< of the weighted sum, one per parameter of D
    Tensor x_fake, x_hat_grad;  ///< x_hat_grad is undefined without penalty
    Tensor real_logits;         ///< class logits of the real images [N, class_dim]
};

/// The same of the G step.
struct GeneratorStep {
    Tensor loss_fake, loss_cls, loss_rec;
    std::vector<Tensor> grads;  ///< of the weighted sum, one per parameter of G
    Tensor x_fake, x_rec;
    Tensor fake_logits;  ///< class logits of the fakes [N, class_dim]
};

/// The training step in plain automatic differentiation, in the order of the paper's section 3:
/// what the fast step is tested against. Neither function changes the model.
///   L_D = L_adv + lambda_cls L_cls(real) + lambda_gp L_gp
///   L_G = L_adv + lambda_cls L_cls(fake) + lambda_rec L_rec
DiscriminatorStep reference_d_step(const StarGan& model, const LossConfig& loss,
                                   const TrainingBatch& batch);
GeneratorStep reference_g_step(const StarGan& model, const LossConfig& loss,
                               const TrainingBatch& batch);

/// Before a turn: counts D's update, and G's if it is its turn, and tells the device which ones and
/// at what rates. Apart from the updates, so that these upload nothing and can be recorded.
void schedule_updates(StarGan& model, bool g_turn, double d_lr, double g_lr,
                      const AdamOptions& adam);
/// The scheduled update of D or G, by Adam with a step's gradients. G's average, if there is one,
/// follows. Nothing changes if `halted`, in the device's memory, is there and not 0.
void update(StarGan& model, const DiscriminatorStep& step, const AdamOptions& adam,
            const int32_t* halted = nullptr);
void update(StarGan& model, const GeneratorStep& step, const AdamOptions& adam,
            const int32_t* halted = nullptr);
/// Both for one network: counts, schedules and updates.
void apply(StarGan& model, const DiscriminatorStep& step, double learning_rate,
           const AdamOptions& adam, const int32_t* halted = nullptr);
void apply(StarGan& model, const GeneratorStep& step, double learning_rate, const AdamOptions& adam,
           const int32_t* halted = nullptr);

}  // namespace sg
