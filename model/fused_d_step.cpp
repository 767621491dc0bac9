#include "model/fused_step.h"

#include "engine/conv_into.h"
#include "engine/run_kernel.h"
#include "engine/stages.h"
#include "kernels/gradient_penalty/gradient_penalty.h"
#include "model/discriminator_pass.h"

namespace sg {

namespace {

/// x [N, ...] with another number of images.
Shape with_images(Shape shape, int64_t count) {
    shape[0] = count;
    return shape;
}

/// `to` = `from`, rounded to its type.
void convert(const Tensor& to, const Tensor& from) {
    Tensor target = to;
    target.copy_from(cast(from, to.dtype()));
}

/// One D step. B images; the batch of all passes is [real | fake | x_hat], without x_hat for Eq. 1.
class DStep {
  public:
    DStep(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
          const Tensor& x_fake)
        : D_(model.D),
          loss_(loss),
          batch_(batch),
          labels_(model.config.labels),
          B_(batch.x_real.dim(0)),
          penalised_(loss.gan == GanLoss::wgan_gp),
          N_(penalised_ ? 3 * B_ : 2 * B_),
          pass_(D_, lay_out(x_fake)) {
        result_.x_fake = x_fake;
    }

    DiscriminatorStep run() {
        at_stage(device(), "D losses");
        heads();
        at_stage(device(), "D dgrad");
        pass_.backward(src_seeds_, cls_seeds_);
        at_stage(device(), "penalty");
        if (penalised_) penalty();
        tangents_and_gradients();
        at_stage(device(), "other");
        return std::move(result_);
    }

  private:
    Device& device() const { return batch_.x_real.device(); }
    /// a_0 = [real | fake | x_hat] (paper, Eq. 8's x_hat).
    Tensor lay_out(const Tensor& x_fake) const {
        at_stage(device(), "D forward");
        const Tensor& real = batch_.x_real;
        const Tensor all =
            Tensor::empty(real.device(), with_images(real.shape(), N_), D_.compute());
        convert(images(all, 0, B_), real);
        convert(images(all, B_, 2 * B_), x_fake);
        if (penalised_) convert(images(all, 2 * B_, N_), interpolate(real, x_fake, batch_.alpha));
        return all;
    }

    /// D_src and D_cls, the losses, and each one's gradient by the scores: the seeds. Real images
    /// alone see the class head.
    void heads() {
        const Tensor src = pass_.src();
        result_.real_logits = pass_.cls(B_);
        src_seeds_ = Tensor::empty(src.device(), src.shape(), D_.compute());
        if (penalised_)
            wgan_heads(src);
        else
            eq1_heads(src);
        const auto classes = loss_and_gradient(result_.real_logits, [&](const Tensor& logits) {
            return classification_loss(labels_, batch_.group, logits, batch_.c_org);
        });
        result_.loss_cls = classes.first;
        cls_seeds_ = cast(affine(classes.second, loss_.lambda_cls), D_.compute());
    }

    /// Means, whose gradients are constants; x_hat's chain starts from ones and yields
    /// g = d sum(D_src) / d x_hat.
    void wgan_heads(const Tensor& src) {
        result_.loss_real = adversarial_loss_real(loss_.gan, images(src, 0, B_));
        result_.loss_fake = adversarial_loss_fake(loss_.gan, images(src, B_, 2 * B_));
        run_kernel(src_seeds_, [&]<class T>(auto& context) {
            patch_seeds(context, PatchSeedsArgs<T>{
                                     .B = B_, .M = src.size() / N_, .seeds = src_seeds_.data<T>()});
        });
    }

    void eq1_heads(const Tensor& src) {
        const auto real = loss_and_gradient(images(src, 0, B_), [&](const Tensor& s) {
            return adversarial_loss_real(loss_.gan, s);
        });
        const auto fake = loss_and_gradient(images(src, B_, N_), [&](const Tensor& s) {
            return adversarial_loss_fake(loss_.gan, s);
        });
        result_.loss_real = real.first;
        result_.loss_fake = fake.first;
        convert(images(src_seeds_, 0, B_), real.second);
        convert(images(src_seeds_, B_, N_), fake.second);
    }

    /// g = d sum(D_src) / d x_hat, P = mean (||g_n|| - 1)^2 and t_0 = lambda_gp dP/dg, in the place
    /// of x_hat.
    void penalty() {
        const Tensor g = Tensor::empty(pass_.a(0).device(), with_images(pass_.a(0).shape(), B_),
                                       D_.parameters().dtype());
        pass_.input_gradient(g, 2 * B_, N_);
        result_.x_hat_grad = g;
        const PenaltyOfGradient penalty = penalty_of_gradient(g);
        result_.loss_gp = penalty.value;
        result_.gradient_norm = mean(penalty.norm);
        convert(hat(0), scale_rows(g, affine(penalty.k, loss_.lambda_gp)));
    }

    /// t_l = m_l . (W_l t_{l-1}), in the place of x_hat's a_l, which nobody needs any more once its
    /// signs have been read.
    void tangent(int l) {
        conv2d_into(hat(l), hat(l - 1), pass_.w(l), D_.strided(),
                    {.mask = hat(l), .mask_slope = D_.slope});
    }

    Tensor gradient(const Tensor& weight, const Tensor& x, const Tensor& grad_y,
                    const ConvOptions& options) const {
        const Tensor out = Tensor::empty(weight.device(), weight.shape(), D_.parameters().dtype());
        conv2d_wgrad_into(out, x, grad_y, options);
        return out;
    }

    /// dL/dW_l = wgrad(a_{l-1}, u_l) over real, fake and, with t_{l-1} for a_{l-1}, x_hat; beside
    /// it the tangent of map l, which it does not touch. Biases and the class head have no part in
    /// the penalty.
    void tangents_and_gradients() {
        const int L = pass_.layers();
        for (int l = 1; l <= L; ++l) {
            const auto gradients = [&] {
                at_stage(device(), "D wgrad");
                const Tensor& u = pass_.u(l);
                result_.grads.push_back(
                    gradient(D_.weight(l - 1), pass_.a(l - 1), u, D_.strided()));
                result_.grads.push_back(sum_channels(images(u, 0, 2 * B_)));
            };
            device().beside(gradients, [&] {
                at_stage(device(), "tangents");
                if (penalised_) tangent(l);
            });
            pass_.release(l);
        }
        at_stage(device(), "D wgrad");
        const Tensor& last = pass_.a(L);
        result_.grads.push_back(gradient(D_.src_weight(), last, src_seeds_, D_.src_options()));
        result_.grads.push_back(gradient(D_.cls_weight(), images(last, 0, B_),
                                         cls_seeds_.view({B_, 1, 1, cls_seeds_.dim(1)}),
                                         D_.cls_options()));
        if (penalised_) return;
        result_.loss_gp = result_.gradient_norm = Tensor::zeros(
            result_.loss_real.device(), result_.loss_real.shape(), result_.loss_real.dtype());
    }

    /// x_hat's part of map l, which becomes t_l.
    Tensor hat(int l) const { return images(pass_.a(l), 2 * B_, N_); }

    const Discriminator& D_;
    const LossConfig& loss_;
    const TrainingBatch& batch_;
    const LabelLayout& labels_;
    const int64_t B_;
    const bool penalised_;
    const int64_t N_;
    DiscriminatorPass pass_;
    Tensor src_seeds_, cls_seeds_;
    DiscriminatorStep result_;
};

}  // namespace

DiscriminatorStep fused_d_step(const StarGan& model, const LossConfig& loss,
                               const TrainingBatch& batch) {
    const GradMode off(false);
    const Tensor fake = batch.x_fake ? batch.x_fake : generate(model.G, batch.x_real, batch.c_trg);
    return DStep(model, loss, batch, fake).run();
}

void generate_fakes(const Generator& G, std::span<TrainingBatch> batches) {
    require(!batches.empty(), "fakes", "no batches");
    const GradMode off(false);
    const Tensor &x = batches[0].x_real, &c = batches[0].c_trg;
    if (x.device().is_cpu()) {
        for (TrainingBatch& batch : batches) batch.x_fake = generate(G, batch.x_real, batch.c_trg);
        return;
    }
    const int64_t B = x.dim(0), N = B * int64_t(batches.size());
    const Tensor all_x = Tensor::empty(x.device(), with_images(x.shape(), N), G.compute());
    const Tensor all_c = Tensor::empty(c.device(), with_images(c.shape(), N), c.dtype());
    for (int64_t i = 0; i < int64_t(batches.size()); ++i) {
        convert(images(all_x, i * B, (i + 1) * B), batches[i].x_real);
        images(all_c, i * B, (i + 1) * B).copy_from(batches[i].c_trg);
    }
    const Tensor fakes = generate(G, all_x, all_c);
    for (int64_t i = 0; i < int64_t(batches.size()); ++i)
        batches[i].x_fake = images(fakes, i * B, (i + 1) * B);
}

}  // namespace sg
