#include "model/fused_step.h"

#include "engine/conv_into.h"
#include "engine/run_kernel.h"
#include "kernels/gradient_penalty/gradient_penalty.h"

namespace sg {

namespace {

/// Images [begin, end) of x, [N, ...].
Tensor images(const Tensor& x, int64_t begin, int64_t end) {
    Shape shape = x.shape();
    const int64_t image = x.size() / shape[0];
    shape[0] = end - begin;
    return x.slice_flat(begin * image, shape);
}

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

/// dL/dx of a loss L(x) [1], both small: by automatic differentiation on the spot.
template <class Loss>
std::pair<Tensor, Tensor> loss_and_gradient(const Tensor& x, const Loss& loss) {
    const GradMode on(true);
    Tensor variable = x.detach();
    variable.set_requires_grad();
    const Tensor value = loss(variable);
    return {value.detach(), grad({value}, {variable})[0]};
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
          L_(D_.config().d_repeat_num) {
        result_.x_fake = x_fake;
    }

    DiscriminatorStep run() {
        lay_out();
        forward();
        heads();
        backward();
        if (penalised_) tangents();
        weight_gradients();
        return std::move(result_);
    }

  private:
    /// a_0 = [real | fake | x_hat] (paper, Eq. 8's x_hat), and room for all maps and cotangents.
    void lay_out() {
        const Tensor& real = batch_.x_real;
        Device& device = real.device();
        const DType compute = D_.compute();
        a_.push_back(Tensor::empty(device, with_images(real.shape(), N_), compute));
        convert(images(a_[0], 0, B_), real);
        convert(images(a_[0], B_, 2 * B_), result_.x_fake);
        if (penalised_)
            convert(images(a_[0], 2 * B_, N_), interpolate(real, result_.x_fake, batch_.alpha));
        for (int l = 0; l < L_; ++l) {
            weights_.push_back(weight_for(D_.weight(l), compute));
            const Shape& in = a_[size_t(l)].shape();
            a_.push_back(
                Tensor::empty(device, {N_, in[1] / 2, in[2] / 2, D_.weight(l).dim(0)}, compute));
        }
        src_weight_ = weight_for(D_.src_weight(), compute);
        cls_weight_ = weight_for(D_.cls_weight(), compute);
        u_.resize(size_t(L_) + 1);
    }

    /// a_l = leaky(W_l a_{l-1} + b_l)
    void forward() {
        for (int l = 1; l <= L_; ++l)
            conv2d_into(a(l), a(l - 1), w(l), D_.strided(),
                        {.bias = D_.bias(l - 1), .slope = D_.slope});
    }

    /// D_src and D_cls, the losses, and each one's gradient by the scores: the seeds.
    void heads() {
        const Tensor last = a(L_);
        const DType master = D_.parameters().dtype();
        Device& device = last.device();
        const Tensor src = Tensor::empty(device, {N_, last.dim(1), last.dim(2), 1}, master);
        conv2d_into(src, last, src_weight_, D_.src_options());
        const Tensor cls = Tensor::empty(device, {B_, 1, 1, D_.cls_weight().dim(0)}, master);
        conv2d_into(cls, images(last, 0, B_), cls_weight_, D_.cls_options());
        result_.real_logits = flatten(cls);

        src_seeds_ = Tensor::empty(device, src.shape(), D_.compute());
        if (penalised_)
            wgan_heads(src);
        else
            eq1_heads(src);
        const auto classes = loss_and_gradient(result_.real_logits, [&](const Tensor& logits) {
            return classification_loss(labels_, batch_.group, logits, batch_.c_org);
        });
        result_.loss_cls = classes.first;
        cls_seeds_ = cast(affine(classes.second, loss_.lambda_cls), D_.compute()).view(cls.shape());
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

    /// u_L from the heads, then u_{l-1} = m_{l-1} . (W_l^T u_l), with m_l read off a_l; real
    /// images alone see the class head. For x_hat, down to g.
    void backward() {
        const auto masked = [&](const Tensor& map) {
            return ConvFinish{.mask = map, .mask_slope = D_.slope};
        };
        ConvOptions src = D_.src_options(), cls = D_.cls_options();
        src.out.reset(), cls.out.reset();
        u_[size_t(L_)] = Tensor::empty(a(L_).device(), a(L_).shape(), D_.compute());
        const Tensor real = images(u(L_), 0, B_), rest = images(u(L_), B_, N_);
        conv2d_dgrad_into(real, cls_seeds_, cls_weight_, cls, masked(images(a(L_), 0, B_)));
        ConvFinish with_classes = masked(images(a(L_), 0, B_));
        with_classes.residual = real;
        conv2d_dgrad_into(real, images(src_seeds_, 0, B_), src_weight_, src, with_classes);
        conv2d_dgrad_into(rest, images(src_seeds_, B_, N_), src_weight_, src,
                          masked(images(a(L_), B_, N_)));
        for (int l = L_; l > 1; --l) {
            u_[size_t(l) - 1] = Tensor::empty(a(l - 1).device(), a(l - 1).shape(), D_.compute());
            conv2d_dgrad_into(u(l - 1), u(l), w(l), D_.strided(), masked(a(l - 1)));
        }
        if (!penalised_) return;
        result_.x_hat_grad =
            Tensor::empty(a(0).device(), with_images(a(0).shape(), B_), D_.parameters().dtype());
        conv2d_dgrad_into(result_.x_hat_grad, images(u(1), 2 * B_, N_), w(1), D_.strided());
    }

    /// P = mean (||g_n|| - 1)^2, v = lambda_gp dP/dg, and t_0 = v, t_l = m_l . (W_l t_{l-1}), each
    /// in the place of x_hat's a_l, which nobody needs any more once its signs have been read.
    void tangents() {
        const Tensor& g = result_.x_hat_grad;
        const PenaltyOfGradient penalty = penalty_of_gradient(g);
        result_.loss_gp = penalty.value;
        result_.gradient_norm = mean(penalty.norm);
        convert(hat(0), scale_rows(g, affine(penalty.k, loss_.lambda_gp)));
        for (int l = 1; l <= L_; ++l)
            conv2d_into(hat(l), hat(l - 1), w(l), D_.strided(),
                        {.mask = hat(l), .mask_slope = D_.slope});
    }

    /// dL/dW_l = wgrad(a_{l-1}, u_l) over real, fake and, with t_{l-1} for a_{l-1}, x_hat. Biases
    /// and the class head have no part in the penalty.
    void weight_gradients() {
        const auto gradient = [&](const Tensor& weight, const Tensor& x, const Tensor& grad_y,
                                  const ConvOptions& options) {
            const Tensor out = Tensor::empty(weight.device(), weight.shape(), weight.dtype());
            conv2d_wgrad_into(out, x, grad_y, options);
            return out;
        };
        for (int l = 1; l <= L_; ++l) {
            result_.grads.push_back(gradient(D_.weight(l - 1), a(l - 1), u(l), D_.strided()));
            result_.grads.push_back(sum_channels(images(u(l), 0, 2 * B_)));
            u_[size_t(l)] = a_[size_t(l) - 1] = {};  // their memory is free for others
        }
        result_.grads.push_back(gradient(D_.src_weight(), a(L_), src_seeds_, D_.src_options()));
        result_.grads.push_back(
            gradient(D_.cls_weight(), images(a(L_), 0, B_), cls_seeds_, D_.cls_options()));
        if (penalised_) return;
        result_.loss_gp = result_.gradient_norm = Tensor::zeros(
            result_.loss_real.device(), result_.loss_real.shape(), result_.loss_real.dtype());
    }

    // Layers count from 1, as in the formulas; a(0) is the images.
    const Tensor& a(int l) const { return a_[size_t(l)]; }
    const Tensor& u(int l) const { return u_[size_t(l)]; }
    const Tensor& w(int l) const { return weights_[size_t(l) - 1]; }
    Tensor hat(int l) const { return images(a(l), 2 * B_, N_); }

    const Discriminator& D_;
    const LossConfig& loss_;
    const TrainingBatch& batch_;
    const LabelLayout& labels_;
    const int64_t B_;
    const bool penalised_;
    const int64_t N_;
    const int L_;
    std::vector<Tensor> a_, u_, weights_;
    Tensor src_weight_, cls_weight_, src_seeds_, cls_seeds_;
    DiscriminatorStep result_;
};

}  // namespace

DiscriminatorStep fused_d_step(const StarGan& model, const LossConfig& loss,
                               const TrainingBatch& batch, const Tensor& x_fake) {
    const GradMode off(false);
    const Tensor fake = x_fake ? x_fake.detach() : model.G.forward(batch.x_real, batch.c_trg);
    return DStep(model, loss, batch, fake).run();
}

}  // namespace sg
