#include "engine/stages.h"
#include "model/discriminator_pass.h"
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

namespace {

/// dL/dx_fake of the losses that D has a part in, in computing type. D does not learn here: its
/// weights' gradients are nobody's business.
Tensor through_d(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
                 const Tensor& x_fake, GeneratorStep& step) {
    const Discriminator& D = model.D;
    Device& device = x_fake.device();
    at_stage(device, "D forward");
    DiscriminatorPass pass(D, cast(x_fake, D.compute()));
    at_stage(device, "D losses");
    step.fake_logits = pass.cls(x_fake.dim(0));
    const auto [loss_fake, by_src] = loss_and_gradient(
        pass.src(), [&](const Tensor& src) { return adversarial_loss_generator(loss.gan, src); });
    const auto [loss_cls, by_cls] = loss_and_gradient(step.fake_logits, [&](const Tensor& logits) {
        return classification_loss(model.config.labels, batch.group, logits, batch.c_trg);
    });
    step.loss_fake = loss_fake;
    step.loss_cls = loss_cls;
    at_stage(device, "D dgrad");
    pass.backward(cast(by_src, D.compute()), cast(affine(by_cls, loss.lambda_cls), D.compute()));
    const Tensor by_fake = Tensor::empty(x_fake.device(), x_fake.shape(), x_fake.dtype());
    pass.input_gradient(by_fake, 0, x_fake.dim(0));
    return by_fake;
}

}  // namespace

GeneratorStep fused_g_step(const StarGan& model, const LossConfig& loss,
                           const TrainingBatch& batch) {
    return fused_g_step(model, loss, batch, GeneratorPass(model.G, batch.x_real, batch.c_trg));
}

GeneratorStep fused_g_step(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
                           GeneratorPass to_target) {
    const GradMode off(false);
    GeneratorStep step;
    step.x_fake = to_target.output();
    step.grads.resize(model.G.parameters().tensors().size());
    const Tensor by_d = through_d(model, loss, batch, step.x_fake, step);

    GeneratorPass to_original(model.G, step.x_fake, batch.c_org);
    step.x_rec = to_original.output();
    at_stage(step.x_rec.device(), "reconstruction loss");
    const auto [loss_rec, by_rec] = loss_and_gradient(
        step.x_rec, [&](const Tensor& x_rec) { return l1_loss(batch.x_real, x_rec); });
    step.loss_rec = loss_rec;

    using InputGradient = GeneratorPass::InputGradient;
    const Tensor by_second =
        to_original.backward(affine(by_rec, loss.lambda_rec), step.grads, InputGradient::yes);
    const Tensor by_fake = add(by_d, cast(by_second, by_d.dtype()));
    to_target.backward(by_fake, step.grads, InputGradient::no);
    return step;
}

}  // namespace sg
