#include <omp.h>

#include "kernels/conv/winograd/winograd.h"
#include "tests/conv_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr int64_t V = vector_floats;

/// One tile and many, tiles cut off on each side, one vector and one panel and several of channels,
/// more than one chunk of wgrad, every padding.
const std::vector<ConvShape> kShapes = {
    {.N = 1, .H = 3, .W = 3, .C = V, .K = V, .R = 3, .S = 3, .pad = 0},
    {.N = 2, .H = 4, .W = 4, .C = V, .K = 2 * V, .R = 3, .S = 3, .pad = 1},
    {.N = 3, .H = 5, .W = 11, .C = 3 * V, .K = V, .R = 3, .S = 3, .pad = 1},
    {.N = 1, .H = 1, .W = 6, .C = 2 * V, .K = 3 * V, .R = 3, .S = 3, .pad = 1},
    {.N = 2, .H = 9, .W = 8, .C = 2 * V, .K = 2 * V, .R = 3, .S = 3, .pad = 2},
    {.N = 2, .H = 7, .W = 13, .C = V, .K = V, .R = 3, .S = 3, .pad = 3},
    {.N = 2, .H = 14, .W = 19, .C = 4 * V, .K = V, .R = 3, .S = 3, .pad = 0},
    {.N = 17, .H = 13, .W = 16, .C = V, .K = 2 * V, .R = 3, .S = 3, .pad = 1},
    // The same of 4x4 kernels of stride 2; odd images end with a phase short.
    {.N = 1, .H = 4, .W = 4, .C = V, .K = V, .R = 4, .S = 4, .stride = 2, .pad = 0},
    {.N = 2, .H = 2, .W = 6, .C = V, .K = 2 * V, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 3, .H = 9, .W = 17, .C = 2 * V, .K = V, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 1, .H = 1, .W = 8, .C = V, .K = V, .R = 4, .S = 4, .stride = 2, .pad = 2},
    {.N = 2, .H = 11, .W = 10, .C = 3 * V, .K = 3 * V, .R = 4, .S = 4, .stride = 2, .pad = 2},
    {.N = 2, .H = 8, .W = 7, .C = V, .K = V, .R = 4, .S = 4, .stride = 2, .pad = 4},
    {.N = 2, .H = 13, .W = 30, .C = V, .K = 4 * V, .R = 4, .S = 4, .stride = 2, .pad = 0},
    {.N = 17, .H = 26, .W = 32, .C = V, .K = V, .R = 4, .S = 4, .stride = 2, .pad = 1}};

/// The chosen parts of an epilogue (bits: bias, slope, mask, residual) for `count` results of
/// `channels` channels, and what they make of exact sums.
template <class T>
struct Epilogue {
    int parts;
    std::vector<float> bias;
    std::vector<T> mask, residual;

    Epilogue(int chosen, int64_t channels, int64_t count)
        : parts(chosen),
          bias(to<float>(uniform(channels, 31))),
          mask(to<T>(uniform(count, 32))),
          residual(to<T>(uniform(count, 33))) {}

    ConvEpilogue<T> args() const {
        ConvEpilogue<T> e;
        if (parts & 1) e.bias = bias.data();
        if (parts & 2) e.slope = 0.125f;
        if (parts & 4) e.mask = mask.data(), e.mask_slope = 0.25f;
        if (parts & 8) e.residual = residual.data();
        return e;
    }
    Sums of(Sums sums) const {
        for (size_t i = 0; i < sums.value.size(); ++i) {
            double& v = sums.value[i];
            if (parts & 1) v += bias[i % bias.size()];
            if (parts & 2) v *= v > 0 ? 1 : 0.125;
            if (parts & 4) v *= float(mask[i]) > 0 ? 1 : 0.25;
            if (parts & 8) v += float(residual[i]);
        }
        return as_winograd_sums(sums);
    }
};

template <class T, class Out>
void check(CpuContext& context, const ConvShape& s, const Operands<T>& o,
           const ConvReference& exact) {
    for (const int parts : {0, 1, 2, 4, 8, 15}) {
        INFO("parts of the epilogue " << parts);
        const Epilogue<T> on_y(parts, s.K, s.y_size()), on_x(parts, s.C, s.x_size());
        Output<Out> y(s.y_size()), grad_x(s.x_size());
        conv_forward(context, ConvForwardArgs<T, Out>{.shape = s,
                                                      .x = o.x.data(),
                                                      .w = o.w.data(),
                                                      .epilogue = on_y.args(),
                                                      .y = y,
                                                      .form = ConvForm::winograd});
        conv_dgrad(context, ConvDgradArgs<T, Out>{.shape = s,
                                                  .grad_y = o.grad_y.data(),
                                                  .w = o.w.data(),
                                                  .epilogue = on_x.args(),
                                                  .grad_x = grad_x,
                                                  .form = ConvForm::winograd});
        CHECK(excess<float, Out>(y.get(), on_y.of(exact.y)) <= 1);
        CHECK(excess<float, Out>(grad_x.get(), on_x.of(exact.grad_x)) <= 1);
    }
}

template <class T>
void check_shape(CpuContext& context, const ConvShape& s) {
    INFO(to_string(s) << (sizeof(T) == 2 ? " bf16" : " f32"));
    REQUIRE(can_winograd(s));
    Operands<T> o(s, 100);
    o.form = ConvForm::winograd;
    const ConvReference exact(s, to_double(o.x), rounded<T>(to_double(o.w)), to_double(o.grad_y));
    check<T, T>(context, s, o, exact);
    if (sizeof(T) == 2) check<T, float>(context, s, o, exact);
    CHECK(excess<float, float>(wgrad(context, s, o), as_winograd_sums(exact.grad_w)) <= 1);
}

}  // namespace

TEST_CASE("Winograd's form equals the textbook loops, with any epilogue", "[winograd][conv]") {
    CpuContext context(2);
    for (const ConvShape& s : kShapes) {
        check_shape<float>(context, s);
        check_shape<bf16>(context, s);
    }
}

TEST_CASE("Winograd's form gives the same bits on any number of threads", "[winograd][conv]") {
    const int before = omp_get_max_threads();
    for (const ConvShape& s : kShapes) {
        INFO(to_string(s));
        Operands<float> o(s);
        o.form = ConvForm::winograd;
        CpuContext one(1);
        const auto y = forward<float>(one, s, o, true), grad_x = dgrad<float>(one, s, o),
                   grad_w = wgrad(one, s, o);
        for (const int threads : {2, 3, 5}) {
            CpuContext several(threads);
            CHECK(forward<float>(several, s, o, true) == y);
            CHECK(dgrad<float>(several, s, o) == grad_x);
            CHECK(wgrad(several, s, o) == grad_w);
        }
    }
    omp_set_num_threads(before);
}

TEST_CASE("an image's result by Winograd's form does not depend on its batch", "[winograd][conv]") {
    // The last images are in another chunk of tiles, or in the same.
    const std::vector<ConvShape> batches = {
        {.N = 17, .H = 16, .W = 16, .C = 256, .K = 256, .R = 3, .S = 3, .pad = 1},
        {.N = 110, .H = 16, .W = 16, .C = 128, .K = 256, .R = 4, .S = 4, .stride = 2, .pad = 1},
        {.N = 7, .H = 9, .W = 14, .C = 2 * V, .K = V, .R = 3, .S = 3, .pad = 1}};
    for (const ConvShape& batch : batches) {
        INFO(to_string(batch));
        ConvShape alone = batch;
        alone.N = 1;
        CpuContext context(2);
        Operands<float> o(batch), last(batch);
        o.form = last.form = ConvForm::winograd;
        last.x.assign(o.x.end() - alone.x_size(), o.x.end());
        last.grad_y.assign(o.grad_y.end() - alone.y_size(), o.grad_y.end());
        const auto tail = [](const std::vector<double>& all, int64_t count) {
            return std::vector<double>(all.end() - count, all.end());
        };
        CHECK((tail(forward<float>(context, batch, o, true), alone.y_size()) ==
               forward<float>(context, alone, last, true)));
        CHECK((tail(dgrad<float>(context, batch, o), alone.x_size()) ==
               dgrad<float>(context, alone, last)));
    }
}

TEST_CASE("Winograd's mask or residual may be the result itself", "[winograd][conv]") {
    const ConvShape s{.N = 2, .H = 6, .W = 9, .C = V, .K = V, .R = 3, .S = 3, .pad = 1};
    CpuContext context(2);
    const Operands<float> o(s);
    const auto other = to<float>(uniform(s.x_size(), 3));
    const auto run = [&](bool mask, bool in_place) {
        Output<float> grad_x(s.x_size());
        float* out = grad_x;
        std::copy(other.begin(), other.end(), out);
        const float* from = in_place ? out : other.data();
        ConvEpilogue<float> e;
        if (mask)
            e.mask = from, e.mask_slope = 0.01f;
        else
            e.residual = from;
        conv_dgrad(context, ConvDgradArgs<float>{.shape = s,
                                                 .grad_y = o.grad_y.data(),
                                                 .w = o.w.data(),
                                                 .epilogue = e,
                                                 .grad_x = out,
                                                 .form = ConvForm::winograd});
        return grad_x.get();
    };
    CHECK(run(true, true) == run(true, false));
    CHECK(run(false, true) == run(false, false));
}

TEST_CASE("weights at Winograd's points are made again when they change", "[winograd][conv]") {
    // Few enough weights to be kept, and too many.
    const ConvShape few{.N = 1, .H = 8, .W = 8, .C = V, .K = V, .R = 3, .S = 3, .pad = 1};
    const ConvShape many{.N = 1, .H = 3, .W = 3, .C = 128, .K = 128, .R = 3, .S = 3, .pad = 1};
    for (const ConvShape& s : {few, many}) {
        CpuContext context(2);
        Operands<float> o(s);
        o.form = ConvForm::winograd;
        const auto before = forward<float>(context, s, o, false, 1),
                   grad_before = dgrad<float>(context, s, o, 1);
        for (auto& w : o.w) w *= -2;
        CHECK((forward<float>(context, s, o, false, 1) == before) == (s == few));
        const auto after = forward<float>(context, s, o, false, 2),
                   grad_after = dgrad<float>(context, s, o, 2);
        for (size_t i = 0; i < after.size(); ++i) CHECK(after[i] == -2 * before[i]);
        for (size_t i = 0; i < grad_after.size(); ++i) CHECK(grad_after[i] == -2 * grad_before[i]);
        for (auto& w : o.w) w *= -2;
        CHECK(forward<float>(context, s, o, false, 0) != after);
    }
}
