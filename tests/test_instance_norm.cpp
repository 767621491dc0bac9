#include <numeric>

#include "tests/reference.h"
#include "tests/support.h"

using namespace sg;
using namespace sg::testing;

namespace {

using Inputs = NormReference::Inputs;

Inputs make_inputs(const InstanceNormShape& shape, bool relu, bool residual) {
    Inputs in;
    in.shape = shape;
    in.x = uniform(shape.size(), 1, -2, 3);
    in.gamma = uniform(shape.C, 2);
    in.beta = uniform(shape.C, 3);
    if (residual) in.residual = uniform(shape.size(), 4);
    in.relu = relu;
    in.grad_y = uniform(shape.size(), 5);
    in.gg_x = uniform(shape.size(), 6);
    in.gg_gamma = uniform(shape.C, 7);
    in.gg_beta = uniform(shape.C, 8);
    return in;
}

/// The inputs as a T network stores them.
template <class T>
Inputs rounded_inputs(Inputs in) {
    using A = acc_t<T>;
    for (auto* v : {&in.x, &in.residual, &in.grad_y, &in.gg_x}) *v = rounded<T>(*v);
    for (auto* v : {&in.gamma, &in.beta, &in.gg_gamma, &in.gg_beta}) *v = rounded<A>(*v);
    return in;
}

/// All three passes of the kernels; members as in NormReference.
template <class T>
struct Computed {
    using A = acc_t<T>;
    std::vector<double> y, mean, rstd, grad_x, grad_gamma, grad_beta, gg_y, second_x, second_gamma;

    Computed(CpuContext& context, const Inputs& in)
        : shape_(in.shape),
          x_(to<T>(in.x)),
          grad_y_(to<T>(in.grad_y)),
          gamma_(to<A>(in.gamma)),
          beta_(to<A>(in.beta)),
          mean_(shape_.N * shape_.C),
          rstd_(shape_.N * shape_.C) {
        forward(context, in);
        backward(context, in);
        double_backward(context, in);
    }

  private:
    void forward(CpuContext& context, const Inputs& in) {
        const auto residual = to<T>(in.residual);
        Output<T> out(shape_.size());
        instance_norm_forward(context, InstanceNormForwardArgs<T>{
                                           .shape = shape_,
                                           .x = x_.data(),
                                           .gamma = gamma_.data(),
                                           .beta = beta_.data(),
                                           .residual = residual.empty() ? nullptr : residual.data(),
                                           .relu = in.relu,
                                           .y = out,
                                           .mean = mean_,
                                           .rstd = rstd_});
        y = out.get(), mean = mean_.get(), rstd = rstd_.get();
    }
    void backward(CpuContext& context, const Inputs& in) {
        Output<T> gx(shape_.size());
        Output<A> gg(shape_.C), gb(shape_.C), workspace(2 * shape_.N * shape_.C);
        instance_norm_backward(context, InstanceNormBackwardArgs<T>{.shape = shape_,
                                                                    .grad_y = grad_y_.data(),
                                                                    .x = x_.data(),
                                                                    .gamma = gamma_.data(),
                                                                    .beta = beta_.data(),
                                                                    .mean = mean_,
                                                                    .rstd = rstd_,
                                                                    .relu = in.relu,
                                                                    .grad_x = gx,
                                                                    .grad_gamma = gg,
                                                                    .grad_beta = gb,
                                                                    .workspace = workspace});
        workspace.get();
        grad_x = gx.get(), grad_gamma = gg.get(), grad_beta = gb.get();
    }
    void double_backward(CpuContext& context, const Inputs& in) {
        const auto u = to<T>(in.gg_x);
        const auto vg = to<A>(in.gg_gamma), vb = to<A>(in.gg_beta);
        Output<T> ggy(shape_.size()), gx(shape_.size());
        Output<A> gg(shape_.C), workspace(shape_.N * shape_.C);
        const auto optional = [](const auto& v) { return v.empty() ? nullptr : v.data(); };
        instance_norm_double_backward(
            context, InstanceNormDoubleBackwardArgs<T>{.shape = shape_,
                                                       .grad_grad_x = optional(u),
                                                       .grad_grad_gamma = optional(vg),
                                                       .grad_grad_beta = optional(vb),
                                                       .grad_y = grad_y_.data(),
                                                       .x = x_.data(),
                                                       .gamma = gamma_.data(),
                                                       .beta = beta_.data(),
                                                       .mean = mean_,
                                                       .rstd = rstd_,
                                                       .relu = in.relu,
                                                       .grad_grad_y = ggy,
                                                       .grad_x = gx,
                                                       .grad_gamma = gg,
                                                       .workspace = workspace});
        workspace.get();
        gg_y = ggy.get(), second_x = gx.get(), second_gamma = gg.get();
    }

    InstanceNormShape shape_;
    std::vector<T> x_, grad_y_;
    std::vector<A> gamma_, beta_;
    Output<A> mean_, rstd_;
};

/// Largest error in units of the largest value, or of `terms` where what they sum to vanishes.
double error(const std::vector<double>& got, const std::vector<double>& want, double terms) {
    double largest = 1e-30;
    for (double v : want) largest = std::max(largest, std::abs(v));
    return max_error(got, want) * largest / std::max(largest, terms);
}

/// Compares all passes: `activations` bounds errors of what is stored as T, `sums` of the rest.
template <class T>
void check_passes(CpuContext& context, const Inputs& exact, double activations, double sums) {
    const Inputs in = rounded_inputs<T>(exact);
    const NormReference want(in);
    const Computed<T> got(context, in);
    // Two pixels leave nothing once mean and slope are taken out: what remains is the difference of
    // terms of size rstd (rstd^2 in the second derivative by x).
    const double r = *std::max_element(want.rstd.begin(), want.rstd.end());
    const double terms = in.shape.M == 2 ? r : 0;
    CHECK(max_error(got.y, want.y) < activations);
    CHECK(std::max(max_error(got.mean, want.mean), max_error(got.rstd, want.rstd)) < sums);
    CHECK(error(got.grad_x, want.grad_x, terms) < activations);
    CHECK(max_error(got.grad_gamma, want.grad_gamma) < sums);
    CHECK(max_error(got.grad_beta, want.grad_beta) < sums);
    CHECK(error(got.gg_y, want.gg_y, terms) < activations);
    CHECK(error(got.second_x, want.second_x, terms * r) < activations);
    CHECK(error(got.second_gamma, want.second_gamma, terms) < sums);
}

}  // namespace

TEST_CASE("instance norm equals the textbook loops in all passes", "[instance_norm]") {
    CpuContext context(2);
    for (int64_t C : {1, 3, 16, 17, 40})
        for (int64_t M : {2, 33, 1024})
            for (bool relu : {false, true})
                for (bool residual : {false, true}) {
                    CAPTURE(C, M, relu, residual);
                    const Inputs in = make_inputs({.N = 3, .M = M, .C = C}, relu, residual);
                    check_passes<double>(context, in, 1e-10, 1e-10);
                    check_passes<float>(context, in, 3e-6, 3e-6);
                    check_passes<bf16>(context, in, 1.1 * half_ulp<bf16>, 3e-6);
                }
}

TEST_CASE("missing cotangents count as zero", "[instance_norm]") {
    CpuContext context(1);
    for (int present = 0; present < 8; ++present) {
        INFO("cotangents " << present);
        Inputs in = make_inputs({.N = 2, .M = 9, .C = 5}, true, false);
        if (!(present & 1)) in.gg_x.clear();
        if (!(present & 2)) in.gg_gamma.clear();
        if (!(present & 4)) in.gg_beta.clear();
        check_passes<double>(context, in, 1e-12, 1e-12);
    }
}

TEST_CASE("instance norm's backward passes are its derivatives", "[instance_norm]") {
    CpuContext context(1);
    const Inputs at = make_inputs({.N = 2, .M = 7, .C = 3}, true, true);
    const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
        return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    const auto first = [&](const Inputs& in) {
        return dot(Computed<double>(context, in).y, at.grad_y);
    };
    const auto second = [&](const Inputs& in) {
        const Computed<double> c(context, in);
        return dot(c.grad_x, at.gg_x) + dot(c.grad_gamma, at.gg_gamma) +
               dot(c.grad_beta, at.gg_beta);
    };
    const auto slopes = [&](const auto& f, std::vector<double> Inputs::*member) {
        std::vector<double> result;
        for (size_t i = 0; i < (at.*member).size(); ++i) {
            constexpr double h = 1e-5;
            Inputs above = at, below = at;
            (above.*member)[i] += h, (below.*member)[i] -= h;
            result.push_back((f(above) - f(below)) / (2 * h));
        }
        return result;
    };
    const Computed<double> c(context, at);
    CHECK(max_error(c.grad_x, slopes(first, &Inputs::x)) < 1e-8);
    CHECK(max_error(c.grad_gamma, slopes(first, &Inputs::gamma)) < 1e-8);
    CHECK(max_error(c.grad_beta, slopes(first, &Inputs::beta)) < 1e-8);
    CHECK(max_error(c.gg_y, slopes(second, &Inputs::grad_y)) < 1e-8);
    CHECK(max_error(c.second_x, slopes(second, &Inputs::x)) < 1e-8);
    CHECK(max_error(c.second_gamma, slopes(second, &Inputs::gamma)) < 1e-8);
}

TEST_CASE("a large mean does not drown a small variance", "[instance_norm]") {
    CpuContext context(1);
    Inputs in = make_inputs({.N = 1, .M = 4096, .C = 17}, false, false);
    for (double& v : in.x) v = 1000 + 0.5 * v;  // deviation 0.7: 10^6 times below the mean square
    in = rounded_inputs<float>(in);
    const NormReference want(in);
    const Computed<float> got(context, in);
    CHECK(max_error(got.rstd, want.rstd) < 1e-5);  // E[x^2] - mean^2 would be off by percents
    CHECK(max_error(got.y, want.y) < 2e-4);        // the mean itself is good to 6e-5 of 0.7
    for (double& v : in.x) v = 1000;
    const Computed<float> flat(context, in);
    CHECK(max_error(flat.mean, std::vector<double>(17, 1000.0)) < 1e-7);
    for (double v : flat.y) REQUIRE(std::isfinite(v));
}

TEST_CASE("instance norm gives the same bits on any number of threads", "[instance_norm]") {
    const Inputs in = make_inputs({.N = 5, .M = 100, .C = 40}, true, true);
    const auto all = [&]<class T>(int threads, T) {
        CpuContext context(threads);
        const Computed<T> c(context, in);
        return std::vector{c.y, c.grad_x, c.grad_gamma, c.gg_y, c.second_x, c.second_gamma};
    };
    for (int threads : {2, 3, 5}) {
        CHECK(all(threads, 0.0f) == all(1, 0.0f));
        CHECK(all(threads, bf16()) == all(1, bf16()));
    }
}

TEST_CASE("instance norm may run in place", "[instance_norm]") {
    CpuContext context(1);
    const Inputs in = make_inputs({.N = 2, .M = 9, .C = 3}, true, false);
    const Computed<double> want(context, in);
    auto x = in.x;
    Output<double> mean(6), rstd(6);
    instance_norm_forward(context, InstanceNormForwardArgs<double>{
                                       in.shape, x.data(), in.gamma.data(), in.beta.data(), nullptr,
                                       true, x.data(), mean, rstd});
    CHECK(x == want.y);
}
