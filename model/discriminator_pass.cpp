#include "model/discriminator_pass.h"

#include "engine/conv_into.h"

namespace sg {

Tensor images(const Tensor& x, int64_t begin, int64_t end) {
    Shape shape = x.shape();
    const int64_t image = x.size() / shape[0];
    shape[0] = end - begin;
    return x.slice_flat(begin * image, shape);
}

DiscriminatorPass::DiscriminatorPass(const Discriminator& D, const Tensor& x)
    : D_(D),
      a_{x},
      u_(size_t(D.config().d_repeat_num) + 1),
      src_weight_(D.parameters().operand(size_t(2 * D.config().d_repeat_num))),
      cls_weight_(D.parameters().operand(size_t(2 * D.config().d_repeat_num + 1))) {
    for (int l = 1; l <= D.config().d_repeat_num; ++l) {
        weights_.push_back(D.parameters().operand(size_t(2 * (l - 1))));
        const Shape& in = a(l - 1).shape();
        a_.push_back(
            Tensor::empty(x.device(), {in[0], in[1] / 2, in[2] / 2, w(l).dim(0)}, D.compute()));
        conv2d_into(a(l), a(l - 1), w(l), D.strided(),
                    {.bias = D.bias(l - 1), .slope = Discriminator::slope});
    }
}

Tensor DiscriminatorPass::src() const {
    const Tensor& last = a_.back();
    const Tensor scores = Tensor::empty(last.device(), {last.dim(0), last.dim(1), last.dim(2), 1},
                                        D_.parameters().dtype());
    conv2d_into(scores, last, src_weight_, D_.src_options());
    return scores;
}

Tensor DiscriminatorPass::cls(int64_t count) const {
    const int64_t classes = cls_weight_.dim(0);
    const Tensor logits =
        Tensor::empty(a_.back().device(), {count, 1, 1, classes}, D_.parameters().dtype());
    conv2d_into(logits, images(a_.back(), 0, count), cls_weight_, D_.cls_options());
    return logits.view({count, classes});
}

void DiscriminatorPass::backward(const Tensor& src_seeds, const Tensor& cls_seeds) {
    const auto masked = [&](const Tensor& map) {
        return ConvFinish{.mask = map, .mask_slope = Discriminator::slope};
    };
    ConvOptions src = D_.src_options(), cls = D_.cls_options();
    src.out.reset(), cls.out.reset();
    const int L = layers();
    const int64_t N = a(L).dim(0), classified = cls_seeds.dim(0);
    u_[size_t(L)] = Tensor::empty(a(L).device(), a(L).shape(), D_.compute());
    const Tensor first = images(u(L), 0, classified), a_first = images(a(L), 0, classified);
    conv2d_dgrad_into(first, cls_seeds.view({classified, 1, 1, cls_seeds.dim(1)}), cls_weight_, cls,
                      masked(a_first));
    ConvFinish with_classes = masked(a_first);
    with_classes.residual = first;
    conv2d_dgrad_into(first, images(src_seeds, 0, classified), src_weight_, src, with_classes);
    if (classified < N)
        conv2d_dgrad_into(images(u(L), classified, N), images(src_seeds, classified, N),
                          src_weight_, src, masked(images(a(L), classified, N)));
    for (int l = L; l > 1; --l) {
        u_[size_t(l) - 1] = Tensor::empty(a(l - 1).device(), a(l - 1).shape(), D_.compute());
        conv2d_dgrad_into(u(l - 1), u(l), w(l), D_.strided(), masked(a(l - 1)));
    }
}

void DiscriminatorPass::input_gradient(const Tensor& grad_x, int64_t begin, int64_t end) const {
    conv2d_dgrad_into(grad_x, images(u(1), begin, end), w(1), D_.strided());
}

void DiscriminatorPass::release(int l) {
    u_[size_t(l)] = a_[size_t(l) - 1] = {};
}

}  // namespace sg
