#pragma once

#include <vector>

#include "model/discriminator.h"

namespace sg {

/// Images [begin, end) of x [N, ...] (shares the data).
Tensor images(const Tensor& x, int64_t begin, int64_t end);

/// D forward over a batch and one chain of gradients back through it, without a tape and with all
/// maps in the open. L strided layers, which count from 1 as in docs/fast_step.md; the maps' type
/// is D's computing type.
class DiscriminatorPass {
  public:
    /// `x` [N,H,W,3] in computing type: a(0). Runs a_l = leaky(W_l * a_{l-1} + b_l), l = 1 ... L.
    DiscriminatorPass(const Discriminator& D, const Tensor& x);

    int layers() const { return int(weights_.size()); }
    /// Map l, whose sign is that of LeakyReLU's argument.
    const Tensor& a(int l) const { return a_[size_t(l)]; }
    /// The gradient by the argument of map l's LeakyReLU, after backward.
    const Tensor& u(int l) const { return u_[size_t(l)]; }
    /// Weight of layer l as kernels take it.
    const Tensor& w(int l) const { return weights_[size_t(l) - 1]; }

    Tensor src() const;               ///< D_src of all images [N,h,w,1], master type
    Tensor cls(int64_t count) const;  ///< D_cls of the first `count` images [count, class_dim]

    /// u_L from the gradients by src() [N,h,w,1] and by cls(count) [count, class_dim], both in
    /// computing type, then u_{l-1} = m_{l-1} . (W_l^T u_l) with LeakyReLU's derivative m.
    void backward(const Tensor& src_seeds, const Tensor& cls_seeds);
    /// grad_x = W_1^T u_1 of images [begin, end).
    void input_gradient(const Tensor& grad_x, int64_t begin, int64_t end) const;

    /// Frees u_l and a_{l-1}.
    void release(int l);

  private:
    const Discriminator& D_;
    std::vector<Tensor> a_, u_, weights_;
    Tensor src_weight_, cls_weight_;
};

}  // namespace sg
