#include <omp.h>

#include "engine/device.h"
#include "kernels/common/processor.h"
#include "kernels/conv/matrix/deep.h"
#include "kernels/conv/matrix/few_results.h"
#include "tests/conv_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

template <class T, class Out>
void check_passes(CpuContext& context, const ConvShape& s, const Operands<T>& o,
                  const ConvReference& plain, const ConvReference& biased) {
    using A = acc_t<T>;
    CHECK(excess<A, Out>(forward<Out>(context, s, o, false), plain.y) <= 1);
    CHECK(excess<A, Out>(forward<Out>(context, s, o, true), biased.y) <= 1);
    CHECK(excess<A, Out>(dgrad<Out>(context, s, o), plain.grad_x) <= 1);
}

/// The results that `form` is held to.
ConvReference allowed(const ConvReference& exact, const ConvShape& s, bool half, ConvForm form) {
    ConvReference all = exact;
    const auto loosen = [&](ConvPass pass, Sums& sums) {
        const ConvForm taken = form == ConvForm::automatic ? conv_form(pass, s, half) : form;
        if (taken == ConvForm::winograd) sums = as_winograd_sums(sums);
    };
    loosen(ConvPass::forward, all.y);
    loosen(ConvPass::dgrad, all.grad_x);
    loosen(ConvPass::wgrad, all.grad_w);
    return all;
}

template <class T>
void check_shape(CpuContext& context, const ConvShape& s, ConvForm form = ConvForm::automatic) {
    using A = acc_t<T>;
    Operands<T> o(s);
    o.form = form;
    // Weights are rounded to T inside; the bias is not.
    const ConvReference exact(s, to_double(o.x), rounded<T>(to_double(o.w)), to_double(o.grad_y));
    const bool half = std::is_same_v<T, bf16>;
    const ConvReference plain = std::is_same_v<T, double> ? exact : allowed(exact, s, half, form);
    ConvReference biased = plain;
    biased.add_bias(to_double(o.bias));
    check_passes<T, T>(context, s, o, plain, biased);
    if constexpr (std::is_same_v<T, bf16>) check_passes<T, float>(context, s, o, plain, biased);
    CHECK(excess<A, A>(wgrad(context, s, o), plain.grad_w) <= 1);
}

/// bf16's forms; oneDNN's own only where it has one.
std::vector<ConvForm> bf16_forms() {
    std::vector<ConvForm> forms{ConvForm::automatic, ConvForm::own, ConvForm::widened};
    if (library_convolves_bf16())
        forms.push_back(ConvForm::library);
    else
        WARN("oneDNN's bf16 convolution is not checked: it has none for this processor");
    return forms;
}

/// All three passes of `s` on `threads` threads, each in a context of its own and wgrad first: no
/// pass may rely on settings that another leaves behind. f64 holds every value exactly.
template <class T>
std::vector<std::vector<double>> all_passes(const ConvShape& s, int threads,
                                            ConvForm form = ConvForm::automatic) {
    Operands<T> o(s);
    o.form = form;
    CpuContext first(threads), second(threads), third(threads);
    auto grad_w = wgrad(first, s, o);
    return {std::move(grad_w), forward<T>(second, s, o, true), dgrad<T>(third, s, o)};
}

const ConvShape kDeep{
    .N = 3, .H = 2, .W = 2, .C = 130, .K = 130, .R = 4, .S = 4, .stride = 2, .pad = 1};

const std::vector<ConvShape> kThreadShapes = {
    {.N = 1, .H = 17, .W = 19, .C = 5, .K = 33, .R = 3, .S = 3, .stride = 1, .pad = 1},
    {.N = 3, .H = 32, .W = 32, .C = 3, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 17, .H = 8, .W = 8, .C = 64, .K = 64, .R = 3, .S = 3, .stride = 1, .pad = 1},
    {.N = 4, .H = 32, .W = 32, .C = 64, .K = 3, .R = 7, .S = 7, .stride = 1, .pad = 3},
    {.N = 5, .H = 4, .W = 4, .C = 128, .K = 1, .R = 3, .S = 3, .stride = 1, .pad = 1},
    {.N = 16, .H = 2, .W = 2, .C = 256, .K = 5, .R = 2, .S = 2, .stride = 1, .pad = 0},
    {.N = 3, .H = 4, .W = 4, .C = 130, .K = 75, .R = 4, .S = 4, .stride = 2, .pad = 1},   // deep
    {.N = 3, .H = 30, .W = 31, .C = 9, .K = 30, .R = 3, .S = 3, .stride = 1, .pad = 1}};  // slices

}  // namespace

TEST_CASE("convolution equals the textbook loops", "[conv]") {
    CpuContext context(2);
    const std::vector<ConvForm> half_forms = bf16_forms();
    std::vector<ConvShape> shapes = kLayers;
    for (uint32_t i = 0; i < 150; ++i) shapes.push_back(sample(i));
    for (const ConvShape& s : shapes) {
        INFO(to_string(s));
        for (const ConvForm form : {ConvForm::library, ConvForm::automatic})
            check_shape<float>(context, s, form);
        for (const ConvForm form : half_forms) {
            // What conv_form() keeps from oneDNN.
            const bool wrong = form == ConvForm::library && s.W == 1 && s.stride > 1;
            if (!wrong) check_shape<bf16>(context, s, form);
        }
        check_shape<double>(context, s);
    }
}

TEST_CASE("convolution by our own loops equals the textbook's", "[conv][matrix]") {
    CpuContext context(2);
    std::vector<ConvShape> shapes = kLayers;
    for (const ConvShape& s : {kShared, kUnshared, kOdd}) shapes.push_back(s);
    for (uint32_t i = 0; i < 150; ++i) shapes.push_back(sample(1000 + i));
    // More than one block of pixels, depth and columns; strides beyond the window and the image.
    shapes.push_back({.N = 3, .H = 11, .W = 9, .C = 130, .K = 300, .R = 3, .S = 3, .pad = 1});
    shapes.push_back({.N = 2, .H = 9, .W = 10, .C = 3, .K = 5, .R = 2, .S = 1, .stride = 4});
    shapes.push_back({.N = 2, .H = 2, .W = 3, .C = 3, .K = 5, .R = 2, .S = 2, .stride = 5});
    // Few results per pixel, wide images (matrix/few_results.h): all of its loops, whole vectors of
    // channels and parts, kernels that hang over the edge, several slices of wgrad.
    for (int64_t K = 1; K <= 4; ++K)
        for (int64_t S = 2; S <= 8; ++S) {
            const int64_t pad = (K + S) % (S + 2), C = std::array{16, 5, 33, 64}[(K + S) % 4];
            shapes.push_back(
                {.N = 2, .H = 10, .W = 17 + S, .C = C, .K = K, .R = 3, .S = S, .pad = pad});
            CHECK(has_few_results(shapes.back(), K));
        }
    shapes.push_back({.N = 3, .H = 60, .W = 16, .C = 16, .K = 3, .R = 7, .S = 7, .pad = 3});
    shapes.push_back({.N = 2, .H = 9, .W = 33, .C = 17, .K = 3, .R = 7, .S = 7, .pad = 3});
    shapes.push_back({.N = 3, .H = 21, .W = 16, .C = 5, .K = 1, .R = 3, .S = 5, .pad = 0});
    shapes.push_back({.N = 1, .H = 70, .W = 64, .C = 3, .K = 40, .R = 7, .S = 7, .pad = 3});
    shapes.push_back({.N = 1, .H = 18, .W = 20, .C = 4, .K = 9, .R = 1, .S = 3, .pad = 4});
    // Deep (matrix/deep.h): many weights, few pixels; several tasks, blocks and remainders.
    shapes.push_back(kDeep);
    shapes.push_back({.N = 300, .H = 1, .W = 1, .C = 61, .K = 59, .R = 3, .S = 3, .pad = 1});
    CHECK((is_deep(kDeep) && is_deep(shapes.back())));
    for (const ConvShape& s : shapes) {
        INFO(to_string(s));
        check_shape<float>(context, s, ConvForm::own);
        check_shape<bf16>(context, s, ConvForm::own);
    }
}

TEST_CASE("the three passes of convolution are each other's adjoints", "[conv]") {
    const ConvShape s{
        .N = 2, .H = 9, .W = 7, .C = 5, .K = 6, .R = 4, .S = 3, .stride = 2, .pad = 1};
    CpuContext context(2);
    const Operands<double> o(s);
    const auto y = forward<double>(context, s, o, false), grad_x = dgrad<double>(context, s, o);
    const auto grad_w = wgrad(context, s, o);
    const auto dot = [](const auto& a, const auto& b) {
        double sum = 0;
        for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
        return sum;
    };
    CHECK(dot(grad_x, o.x) == Approx(dot(y, o.grad_y)).epsilon(1e-13));
    CHECK(dot(grad_w, o.w) == Approx(dot(y, o.grad_y)).epsilon(1e-13));
}

/// Layouts of weights are kept by version in every form that keeps any.
template <class T>
void check_versions(const ConvShape& s, ConvForm form) {
    CpuContext context(1);
    Operands<T> o(s);
    o.form = form;
    const auto y = [&](uint64_t version) { return forward<T>(context, s, o, false, version); };
    const auto grad_x = [&](uint64_t version) { return dgrad<T>(context, s, o, version); };
    const auto y1 = y(1), gx1 = grad_x(1);

    for (auto& w : o.w) w *= -2;  // exact, so the results are too
    CHECK(y(1) == y1);            // the caller said that nothing changed
    const auto doubled = [](std::vector<double> v) {
        for (double& e : v) e *= -2;
        return v;
    };
    CHECK(y(2) == doubled(y1));
    CHECK(grad_x(2) == doubled(gx1));
    CHECK(y(0) == doubled(y1));
    for (auto& w : o.w) w *= -2;
    CHECK(y(0) == doubled(doubled(y1)));  // version 0 is never kept
    CHECK(y(2) == doubled(y1));           // and does not disturb what is
    CHECK(y(3) == doubled(doubled(y1)));
}

TEST_CASE("weights are laid out again when their version changes", "[conv]") {
    const ConvShape plain{
        .N = 1, .H = 12, .W = 18, .C = 16, .K = 16, .R = 3, .S = 3, .stride = 1, .pad = 1};
    const ConvShape few{
        .N = 1, .H = 12, .W = 18, .C = 4, .K = 3, .R = 5, .S = 5, .stride = 1, .pad = 2};
    for (const ConvShape& s : {plain, few}) {
        INFO(to_string(s));
        for (const ConvForm form : {ConvForm::library, ConvForm::own})
            check_versions<float>(s, form);
        for (const ConvForm form : bf16_forms()) check_versions<bf16>(s, form);
    }
}

TEST_CASE("convolution gives the same bits on any number of threads", "[conv]") {
    const int before = omp_get_max_threads();
    const std::vector<ConvForm> half_forms = bf16_forms();
    for (const ConvShape& s : kThreadShapes) {
        INFO(to_string(s));
        for (const ConvForm form : {ConvForm::library, ConvForm::own}) {
            const auto f32 = all_passes<float>(s, 1, form);
            for (int threads : {2, 3, 5}) CHECK(all_passes<float>(s, threads, form) == f32);
        }
        for (const ConvForm form : half_forms) {
            const auto half = all_passes<bf16>(s, 1, form);
            for (int threads : {2, 3, 5}) CHECK(all_passes<bf16>(s, threads, form) == half);
        }
    }
    omp_set_num_threads(before);
}

TEST_CASE("impossible convolutions are refused with their extents", "[conv]") {
    CpuContext context(1);
    const auto run = [&](const ConvShape& s) {
        conv_forward(context, ConvForwardArgs<float>{.shape = s, .x = {}, .w = {}, .y = {}});
    };
    ConvShape s{.N = 2, .H = 3, .W = 9, .C = 4, .K = 6, .R = 7, .S = 5, .stride = 1, .pad = 1};
    expect_error([&] { run(s); },
                 {"conv_forward", "[2,3,9,4]", "[6,7,5,4]", "stride 1", "pad 1", "larger"});
    s.pad = -1;
    expect_error([&] { run(s); }, {"conv_forward", "pad -1", "positive"});
    s.pad = 3, s.stride = 0;
    expect_error([&] { check_conv_shape("mine", s); }, {"mine", "stride 0"});
    s.stride = 1, s.C = 0;
    expect_error([&] { check_conv_shape("mine", s); }, {"[2,3,9,0]"});
}
