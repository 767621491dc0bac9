#include "model/reference_step.h"

#include "engine/stages.h"

namespace sg {

DiscriminatorStep reference_d_step(const StarGan& model, const LossConfig& loss,
                                   const TrainingBatch& batch) {
    const auto& [x_real, c_org, c_trg, alpha, group, unused] = batch;
    DiscriminatorStep step;
    {
        const GradMode off(false);  // G does not learn here
        at_stage(x_real.device(), "G forward");
        step.x_fake = model.G.forward(x_real, c_trg);
    }

    at_stage(x_real.device(), "D forward");
    const auto real = model.D.forward(x_real);
    const auto fake = model.D.forward(step.x_fake);
    const Tensor loss_real = adversarial_loss_real(loss.gan, real.src);
    const Tensor loss_fake = adversarial_loss_fake(loss.gan, fake.src);
    const Tensor loss_cls = classification_loss(model.config.labels, group, real.cls, c_org);
    Tensor total = add(add(loss_real, loss_fake), affine(loss_cls, loss.lambda_cls));

    if (loss.gan == GanLoss::wgan_gp) {
        at_stage(x_real.device(), "penalty");
        Tensor x_hat = interpolate(x_real, step.x_fake, alpha);
        x_hat.set_requires_grad();
        const Penalty penalty = gradient_penalty(model.D, x_hat);
        total = add(total, affine(penalty.value, loss.lambda_gp));
        step.loss_gp = penalty.value.detach();
        step.x_hat_grad = penalty.grad.detach();
        const GradMode off(false);
        step.gradient_norm = mean(sqrt(sum_rows(mul(penalty.grad, penalty.grad))));
    } else {
        step.loss_gp = step.gradient_norm =
            Tensor::zeros(total.device(), total.shape(), total.dtype());
    }

    step.real_logits = real.cls.detach();
    step.loss_real = loss_real.detach();
    step.loss_fake = loss_fake.detach();
    step.loss_cls = loss_cls.detach();
    at_stage(x_real.device(), "gradients");
    step.grads = grad({total}, model.D.parameters().tensors());
    at_stage(x_real.device(), "other");
    return step;
}

GeneratorStep reference_g_step(const StarGan& model, const LossConfig& loss,
                               const TrainingBatch& batch) {
    const auto& [x_real, c_org, c_trg, alpha, group, unused] = batch;
    GeneratorStep step;

    at_stage(x_real.device(), "G forward");
    const Tensor x_fake = model.G.forward(x_real, c_trg);  // original to target
    at_stage(x_real.device(), "D forward");
    const auto fake = model.D.forward(x_fake);
    at_stage(x_real.device(), "G forward");
    const Tensor x_rec = model.G.forward(x_fake, c_org);  // target to original
    const Tensor loss_fake = adversarial_loss_generator(loss.gan, fake.src);
    const Tensor loss_cls = classification_loss(model.config.labels, group, fake.cls, c_trg);
    const Tensor loss_rec = l1_loss(x_real, x_rec);
    const Tensor total =
        add(add(loss_fake, affine(loss_cls, loss.lambda_cls)), affine(loss_rec, loss.lambda_rec));

    step.loss_fake = loss_fake.detach();
    step.loss_cls = loss_cls.detach();
    step.loss_rec = loss_rec.detach();
    at_stage(x_real.device(), "gradients");
    step.grads = grad({total}, model.G.parameters().tensors());
    at_stage(x_real.device(), "other");
    step.fake_logits = fake.cls.detach();
    step.x_fake = x_fake.detach();
    step.x_rec = x_rec.detach();
    return step;
}

void schedule_updates(StarGan& model, bool g_turn, double d_lr, double g_lr,
                      const AdamOptions& adam) {
    model.D.parameters().schedule_adam(++model.d_updates, d_lr, adam);
    if (g_turn) model.G.parameters().schedule_adam(++model.g_updates, g_lr, adam);
}

void update(StarGan& model, const DiscriminatorStep& step, const AdamOptions& adam,
            const int32_t* halted) {
    at_stage(step.loss_cls.device(), "Adam");
    model.D.parameters().adam_step(step.grads, adam, halted);
    at_stage(step.loss_cls.device(), "other");
}

void update(StarGan& model, const GeneratorStep& step, const AdamOptions& adam,
            const int32_t* halted) {
    at_stage(step.loss_cls.device(), "Adam");
    model.G.parameters().adam_step(step.grads, adam, halted);
    if (model.G_ema)
        model.G_ema->parameters().average_with(model.G.parameters(), model.ema, halted);
    at_stage(step.loss_cls.device(), "other");
}

void apply(StarGan& model, const DiscriminatorStep& step, double learning_rate,
           const AdamOptions& adam, const int32_t* halted) {
    model.D.parameters().schedule_adam(++model.d_updates, learning_rate, adam);
    update(model, step, adam, halted);
}

void apply(StarGan& model, const GeneratorStep& step, double learning_rate, const AdamOptions& adam,
           const int32_t* halted) {
    model.G.parameters().schedule_adam(++model.g_updates, learning_rate, adam);
    update(model, step, adam, halted);
}

}  // namespace sg
