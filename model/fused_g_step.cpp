#include "model/fused_step.h"

namespace sg {

StepKind step_kind_from_string(const std::string& text) {
    if (text == "reference") return StepKind::reference;
    if (text == "fused") return StepKind::fused;
    throw Error("step", fmt::format("'{}' is unknown, expected reference or fused", text));
}

const char* to_string(StepKind kind) {
    return kind == StepKind::fused ? "fused" : "reference";
}

GeneratorStep fused_g_step(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
                           const Tensor& given) {
    const auto& [x_real, c_org, c_trg, alpha, group] = batch;
    GeneratorStep step;
    const Tensor x_fake = given ? given : model.G.forward(x_real, c_trg);

    // Through D on a leaf of its own: its weights' gradients are nobody's business here, and D's
    // maps are gone before G's second pass.
    Tensor by_fake;
    {
        Tensor leaf = x_fake.detach();
        leaf.set_requires_grad();
        const auto fake = model.D.forward(leaf);
        const Tensor loss_fake = adversarial_loss_generator(loss.gan, fake.src);
        const Tensor loss_cls = classification_loss(model.config.labels, group, fake.cls, c_trg);
        by_fake = grad({add(loss_fake, affine(loss_cls, loss.lambda_cls))}, {leaf})[0];
        step.loss_fake = loss_fake.detach();
        step.loss_cls = loss_cls.detach();
        step.fake_logits = fake.cls.detach();
    }

    const Tensor x_rec = model.G.forward(x_fake, c_org);
    const Tensor loss_rec = l1_loss(x_real, x_rec);
    // <x_fake, dL/dx_fake> has D's part of the gradient as its own.
    const Tensor total = add(affine(loss_rec, loss.lambda_rec), sum(mul(x_fake, by_fake)));
    step.loss_rec = loss_rec.detach();
    step.grads = grad({total}, model.G.parameters().tensors());
    step.x_fake = x_fake.detach();
    step.x_rec = x_rec.detach();
    return step;
}

}  // namespace sg
