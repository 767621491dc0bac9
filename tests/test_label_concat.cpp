#include "kernels/conv/conv.h"
#include "kernels/instance_norm/instance_norm.h"
#include "tests/label_bias_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

uint64_t fresh = 100;  // seeds: no two cases see the same numbers

/// What the two forms may differ by: they add in different orders.
template <class T>
constexpr double kExact = std::is_same_v<T, double> ? 1e-12 : 2e-5;

template <class T, class Device>
void check_label_concat(Device& device, int64_t N, int64_t M, int64_t C, int64_t L,
                        int64_t padding) {
    INFO("N " << N << ", M " << M << ", C " << C << ", L " << L << ", padding " << padding);
    const int64_t width = C + L + padding;
    const auto x = to<T>(uniform(N * M * C, fresh++));
    const auto labels = to<acc_t<T>>(uniform(N * L, fresh++));
    const auto x_in = device.input(x);
    const auto labels_in = device.input(labels);
    auto y = device.template output<T>(N * M * width);
    label_concat_forward(device.context, LabelConcatForwardArgs<T>{.N = N,
                                                                   .M = M,
                                                                   .C = C,
                                                                   .L = L,
                                                                   .x = x_in.data(),
                                                                   .labels = labels_in.data(),
                                                                   .y = y,
                                                                   .padding = padding});
    const auto got = y.get();
    bool all = true;
    for (int64_t i = 0; i < N * M; ++i)
        for (int64_t c = 0; c < width; ++c) {
            const double want = c < C       ? double(acc_t<T>(x[i * C + c]))
                                : c < C + L ? double(acc_t<T>(T(labels[i / M * L + c - C])))
                                            : 0;
            all &= got[i * width + c] == want;
        }
    CHECK(all);
    // Backward keeps the image, whatever the other channels hold.
    const auto grad_y = to<T>(uniform(N * M * width, fresh++));
    const auto grad_in = device.input(grad_y);
    auto back = device.template output<T>(N * M * C);
    label_concat_backward(device.context,
                          LabelConcatBackwardArgs<T>{N, M, C, L, grad_in.data(), back, padding});
    const auto kept = back.get();
    for (int64_t i = 0; i < N * M * C; ++i)
        all &= kept[i] == double(acc_t<T>(grad_y[i / C * width + i % C]));
    CHECK(all);
}

/// A layer in both forms: a convolution of the image with label planes, and the factored one. What
/// concerns labels is computed in T by `device`, the convolutions in f64 by the CPU.
template <class T, class Device>
struct Layer {
    static constexpr int64_t C = BiasCase<T>::C;

    Device& device;
    BiasCase<T> test;
    ConvShape whole, image;
    std::vector<T> x;
    std::vector<double> weights, image_weights;

    Layer(Device& device, const LabelBiasShape& s)
        : device(device),
          test(s, fresh += 10),
          whole{s.N, s.H, s.W, C + s.L, s.K, s.R, s.R, 1, s.p()},
          image(whole),
          x(to<T>(uniform(test.pixels * C, fresh += 10))),
          weights(to_double(test.weights)) {
        image.C = C;
        for (size_t i = 0; i < weights.size(); ++i)
            if (int64_t(i) % (C + s.L) < C) image_weights.push_back(weights[i]);
    }
    std::vector<double> planes() const {
        const LabelBiasShape& s = test.s;
        const auto x_in = device.input(x), labels_in = device.input(test.labels);
        auto y = device.template output<T>(test.pixels * (C + s.L));
        label_concat_forward(
            device.context,
            LabelConcatForwardArgs<T>{s.N, s.H * s.W, C, s.L, x_in.data(), labels_in.data(), y});
        return y.get();
    }
    std::vector<double> with_planes() const { return convolve(whole, planes(), weights); }
    std::vector<double> factored(bool relative) const {
        const auto of_image = convolve(image, to_double(x), image_weights);
        return to_double(test.forward(device, relative, to<T>(of_image)));
    }
    std::vector<double> wgrad_with_planes(const std::vector<double>& grad_y) const {
        return wgrad(whole, planes(), grad_y);
    }
    /// Put together in the layout of the whole weights.
    std::vector<double> wgrad_factored(bool relative, const std::vector<double>& grad_y) const {
        const auto of_image = wgrad(image, to_double(x), grad_y);
        const auto of_labels = test.backward(device, relative, to<T>(grad_y));
        std::vector<double> all;
        for (size_t i = 0, j = 0; i < of_image.size(); i += C, j += test.s.L) {
            all.insert(all.end(), &of_image[i], &of_image[i] + C);
            all.insert(all.end(), &of_labels[j], &of_labels[j] + test.s.L);
        }
        return all;
    }

  private:
    static std::vector<double> convolve(const ConvShape& shape, const std::vector<double>& x,
                                        const std::vector<double>& w) {
        CpuContext context(2);
        Output<double> y(shape.y_size());
        conv_forward(context,
                     ConvForwardArgs<double>{.shape = shape, .x = x.data(), .w = w.data(), .y = y});
        return y.values();
    }
    static std::vector<double> wgrad(const ConvShape& shape, const std::vector<double>& x,
                                     const std::vector<double>& grad_y) {
        CpuContext context(2);
        Output<double> grad_w(shape.w_size());
        conv_wgrad(context, ConvWgradArgs<double>{shape, x.data(), grad_y.data(), grad_w});
        return grad_w.values();
    }
};

template <class T, class Device>
void check_factored(Device& device, const LabelBiasShape& s) {
    const Layer<T, Device> layer(device, s);
    const auto grad_y = to_double(layer.test.grad_y);
    CHECK(max_error(layer.factored(false), layer.with_planes()) < kExact<T>);
    CHECK(max_error(layer.wgrad_factored(false, grad_y), layer.wgrad_with_planes(grad_y)) <
          kExact<T>);
}

/// An instance norm with ReLU over the layer's output: its output, and grad_x for given grad_y.
struct Normed {
    std::vector<double> y, grad_x;

    Normed(const LabelBiasShape& s, const std::vector<double>& x, const std::vector<double>& grad_y)
        : y(x.size()), grad_x(x.size()) {
        CpuContext context(2);
        const InstanceNormShape shape{.N = s.N, .M = s.H * s.W, .C = s.K};
        const auto gamma = uniform(s.K, 71, 0.5, 1.5), beta = uniform(s.K, 72);
        std::vector<double> mean(s.N * s.K), rstd(mean), by_gamma(s.K), by_beta(s.K);
        std::vector<double> workspace(instance_norm_workspace(shape));
        instance_norm_forward(context,
                              InstanceNormForwardArgs<double>{.shape = shape,
                                                              .x = x.data(),
                                                              .gamma = gamma.data(),
                                                              .beta = beta.data(),
                                                              .relu = true,
                                                              .y = y.data(),
                                                              .mean = mean.data(),
                                                              .rstd = rstd.data(),
                                                              .workspace = workspace.data()});
        instance_norm_backward(context,
                               InstanceNormBackwardArgs<double>{.shape = shape,
                                                                .grad_y = grad_y.data(),
                                                                .x = x.data(),
                                                                .gamma = gamma.data(),
                                                                .beta = beta.data(),
                                                                .mean = mean.data(),
                                                                .rstd = rstd.data(),
                                                                .relu = true,
                                                                .grad_x = grad_x.data(),
                                                                .grad_gamma = by_gamma.data(),
                                                                .grad_beta = by_beta.data(),
                                                                .workspace = workspace.data()});
    }
};

template <class T, class Device>
void check_frame_is_enough(Device& device, const LabelBiasShape& s) {
    const Layer<T, Device> layer(device, s);
    const auto grad_y = to_double(layer.test.grad_y);
    const Normed want(s, layer.with_planes(), grad_y);
    const Normed got(s, layer.factored(true), grad_y);
    CHECK(max_error(got.y, want.y) < kExact<T>);
    CHECK(max_error(got.grad_x, want.grad_x) < kExact<T>);
    CHECK(max_error(layer.wgrad_factored(true, got.grad_x), layer.wgrad_with_planes(want.grad_x)) <
          kExact<T>);
}

}  // namespace

TEST_CASE("labels become constant planes behind the image", "[label_concat]") {
    const auto all = [&]<class T>(auto& device, T) {
        check_label_concat<T>(device, 1, 1, 1, 1, 0);
        check_label_concat<T>(device, 2, 1500, 3, 5, 0);
        check_label_concat<T>(device, 2, 1500, 3, 5, 8);
        check_label_concat<T>(device, 1, 31, 33, 3, 1);
        check_label_concat<T>(device, 5, 33, 3, 31, 6);
        check_label_concat<T>(device, 2, 32, 32, 1, 0);
    };
    for_each_device([&](auto& device) {
        for_each_type([&](auto type) { all(device, type); });
        if constexpr (std::decay_t<decltype(device)>::is_cpu) all(device, double{});
    });
}

TEST_CASE("a layer without label planes is the layer with them", "[label_concat]") {
    for_each_device([&]<class Device>(Device& device) {
        using T = std::conditional_t<Device::is_cpu, double, float>;
        for (const LabelBiasShape& s : bias_shapes()) {
            INFO(describe(s));
            check_factored<T>(device, s);
        }
    });
}

TEST_CASE("in front of an instance norm the frame is enough", "[label_concat]") {
    for_each_device([&]<class Device>(Device& device) {
        using T = std::conditional_t<Device::is_cpu, double, float>;
        for (const LabelBiasShape& s : bias_shapes()) {
            INFO(describe(s));
            check_frame_is_enough<T>(device, s);
        }
    });
}

TEST_CASE("label planes are written in whole vectors, the image's are read", "[label_concat]") {
    constexpr int64_t N = 2, M = 512, C = 3, L = 5, width = C + L;
    const std::vector<bf16> x(N * M * C);
    const std::vector<float> labels(N * L);
    SimContext sim({.count = true});
    Output<bf16> y(N * M * width, 64), back(N * M * C, 64);
    label_concat_forward(sim, LabelConcatForwardArgs<bf16>{N, M, C, L, x.data(), labels.data(), y});
    label_concat_backward(sim, LabelConcatBackwardArgs<bf16>{N, M, C, L, y, back});
    REQUIRE(sim.launches.size() == 2);
    CHECK(sim.launches[0].global_stores.instructions == N * M / 32);  // a pixel per thread
    CHECK(sim.launches[0].global_stores.bytes == N * M * width * int64_t(sizeof(bf16)));
    CHECK(sim.launches[1].global_loads.bytes == N * M * C * int64_t(sizeof(bf16)));
    CHECK(sim.launches[1].global_stores.instructions == N * M * C / 32);
}
