#pragma once

#include "kernels/label_concat/label_concat.h"
#include "tests/devices.h"

namespace sg::testing {

/// Awkward pictures for every kernel: as small as it, not square, channels around a vector, and
/// more of them than a block takes.
inline std::vector<LabelBiasShape> bias_shapes() {
    std::vector<LabelBiasShape> shapes;
    for (int64_t R : {1, 3, 5, 7}) {
        shapes.push_back({.N = 2, .H = R, .W = R, .K = 3, .L = 5, .R = R});
        shapes.push_back({.N = 3, .H = R, .W = R + 1, .K = 1, .L = 1, .R = R});
        shapes.push_back({.N = 1, .H = R + 5, .W = R, .K = 33, .L = 3, .R = R});
        shapes.push_back({.N = 2, .H = 9, .W = 13, .K = 8, .L = 2, .R = R});
    }
    shapes.push_back({.N = 1, .H = 6, .W = 9, .K = 72, .L = 5, .R = 5});
    shapes.push_back({.N = 2, .H = 33, .W = 31, .K = 5, .L = 5, .R = 7});
    return shapes;
}

inline std::string describe(const LabelBiasShape& s) {
    return fmt::format("N {}, H {}, W {}, K {}, L {}, R {}", s.N, s.H, s.W, s.K, s.L, s.R);
}

/// The operands of one factored layer; the weights stand between others, as in a whole layer's.
template <class T>
struct BiasCase {
    using A = acc_t<T>;
    static constexpr int64_t C = 3;  // of the image

    LabelBiasShape s;
    int64_t stride, pixels;
    std::vector<A> labels, weights;
    std::vector<T> y, grad_y;

    BiasCase(const LabelBiasShape& shape, uint64_t seed)
        : s(shape),
          stride(C + s.L),
          pixels(s.N * s.H * s.W),
          labels(to<A>(uniform(s.N * s.L, seed))),
          weights(to<A>(uniform(s.K * s.R * s.R * stride, seed + 1))),
          y(to<T>(uniform(pixels * s.K, seed + 2))),
          grad_y(to<T>(uniform(pixels * s.K, seed + 3))) {}

    template <class Device>
    std::vector<A> table(Device& device) const {
        auto table = device.template output<A>(s.table_size());
        const auto labels_in = device.input(labels), weights_in = device.input(weights);
        label_bias_table(device.context, LabelBiasTableArgs<A>{.shape = s,
                                                               .labels = labels_in.data(),
                                                               .w = weights_in.data() + C,
                                                               .w_stride = stride,
                                                               .table = table});
        table.get();
        return table.values();
    }
    template <class Device>
    std::vector<T> forward(Device& device, bool relative, const std::vector<T>& onto) const {
        const auto entries = device.input(table(device));
        auto out = device.output(onto);
        label_bias_forward(device.context,
                           LabelBiasForwardArgs<T>{s, entries.data(), relative, out});
        out.get();
        return out.values();
    }
    /// The labels' part of the gradient; the image's part must be left alone.
    template <class Device>
    std::vector<double> backward(Device& device, bool relative, const std::vector<T>& grad) const {
        auto grad_w = device.template output<A>(s.K * s.R * s.R * stride);
        auto workspace = device.template output<A>(label_bias_workspace(s));
        const auto grad_in = device.input(grad);
        const auto labels_in = device.input(labels);
        label_bias_backward(device.context, LabelBiasBackwardArgs<T>{.shape = s,
                                                                     .grad_y = grad_in.data(),
                                                                     .labels = labels_in.data(),
                                                                     .relative = relative,
                                                                     .grad_w = grad_w.data() + C,
                                                                     .w_stride = stride,
                                                                     .workspace = workspace});
        workspace.get();
        const auto all = grad_w.get();
        std::vector<double> part;
        bool others_kept = true;
        for (size_t i = 0; i < all.size(); ++i)
            if (int64_t(i) % stride >= C)
                part.push_back(all[i]);
            else
                others_kept &= std::isnan(all[i]);  // as the output was created
        CHECK(others_kept);
        return part;
    }
};

}  // namespace sg::testing
