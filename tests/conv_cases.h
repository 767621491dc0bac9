#pragma once

#include "tests/conv_excess.h"
#include "tests/reference.h"
#include "tests/support.h"

namespace sg::testing {

inline constexpr int64_t kLargestCase =
    2'000'000;  // products, so that the textbook loops take a while

inline int64_t products(const ConvShape& s) {
    return s.y_size() * s.R * s.S * s.C;
}

/// Case `index` of a grid too large to walk, with at most so many products: sizes picked by Philox.
inline ConvShape sample(uint32_t index, int64_t largest = kLargestCase) {
    const Rng rng{.seed = 1, .iteration = index};
    uint64_t draw = 0;
    const auto pick = [&](std::initializer_list<int64_t> from) {
        return from.begin()[rng.below(draw++, uint32_t(from.size()))];
    };
    for (;;) {
        ConvShape s{.N = pick({1, 2, 3, 17}),
                    .H = pick({1, 5, 31, 32, 33}),
                    .W = pick({1, 5, 31, 32, 33}),
                    .C = pick({1, 3, 5, 8, 16, 17, 33}),
                    .K = pick({1, 3, 5, 8, 16, 17, 33}),
                    .R = pick({1, 2, 3, 4, 5, 6, 7}),
                    .S = pick({1, 2, 3, 4, 5, 6, 7}),
                    .stride = pick({1, 2}),
                    .pad = pick({0, 1, 2, 3})};
        if (pick({0, 0, 1})) s.S = s.R;
        if (s.H + 2 * s.pad < s.R || s.W + 2 * s.pad < s.S) continue;
        if (products(s) <= largest) return s;
    }
}

/// Every convolution of the small networks: 32 x 32, 8 channels, 5 labels, 3 layers of D.
inline const std::vector<ConvShape> kLayers = {
    {.N = 2, .H = 32, .W = 32, .C = 8, .K = 8, .R = 7, .S = 7, .stride = 1, .pad = 3},
    {.N = 2, .H = 32, .W = 32, .C = 8, .K = 16, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 2, .H = 16, .W = 16, .C = 16, .K = 32, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 2, .H = 8, .W = 8, .C = 32, .K = 32, .R = 3, .S = 3, .stride = 1, .pad = 1},
    {.N = 2, .H = 32, .W = 32, .C = 8, .K = 3, .R = 7, .S = 7, .stride = 1, .pad = 3},
    {.N = 2, .H = 32, .W = 32, .C = 3, .K = 8, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 2, .H = 4, .W = 4, .C = 32, .K = 1, .R = 3, .S = 3, .stride = 1, .pad = 1},
    {.N = 2, .H = 4, .W = 4, .C = 32, .K = 5, .R = 4, .S = 4, .stride = 1, .pad = 0}};

/// A shape whose sums are split over blocks on a device of 132 processors, one whose are not, and
/// one without multiples.
inline const ConvShape kShared{
    .N = 1, .H = 4, .W = 4, .C = 64, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1};
inline const ConvShape kUnshared{
    .N = 1, .H = 12, .W = 11, .C = 8, .K = 16, .R = 1, .S = 1, .stride = 1, .pad = 0};
inline const ConvShape kOdd{
    .N = 2, .H = 5, .W = 7, .C = 5, .K = 11, .R = 3, .S = 2, .stride = 2, .pad = 1};

/// Operands of all passes in T (weights and bias in the type of T's sums).
template <class T>
struct Operands {
    std::vector<T> x, grad_y;
    std::vector<acc_t<T>> w, bias;
    ConvForm form = ConvForm::automatic;  ///< on the CPU

    explicit Operands(const ConvShape& s, uint64_t seed = 7)
        : x(to<T>(uniform(s.x_size(), seed))),
          grad_y(to<T>(uniform(s.y_size(), seed + 1))),
          w(to<acc_t<T>>(uniform(s.w_size(), seed + 2))),
          bias(to<acc_t<T>>(uniform(s.K, seed + 3))) {}
};

// One pass on guarded outputs; `version` as the kernels take it.
template <class Out, class T>
std::vector<double> forward(CpuContext& context, const ConvShape& s, const Operands<T>& o,
                            bool bias, uint64_t version = 0) {
    Output<Out> y(s.y_size());
    conv_forward(context,
                 ConvForwardArgs<T, Out>{.shape = s,
                                         .x = o.x.data(),
                                         .w = o.w.data(),
                                         .epilogue = {.bias = bias ? o.bias.data() : nullptr},
                                         .y = y,
                                         .weight_version = version,
                                         .form = o.form});
    return y.get();
}
template <class Out, class T>
std::vector<double> dgrad(CpuContext& context, const ConvShape& s, const Operands<T>& o,
                          uint64_t version = 0) {
    Output<Out> grad_x(s.x_size());
    conv_dgrad(context, ConvDgradArgs<T, Out>{.shape = s,
                                              .grad_y = o.grad_y.data(),
                                              .w = o.w.data(),
                                              .grad_x = grad_x,
                                              .weight_version = version,
                                              .form = o.form});
    return grad_x.get();
}
template <class T>
std::vector<double> wgrad(CpuContext& context, const ConvShape& s, const Operands<T>& o) {
    Output<acc_t<T>> grad_w(s.w_size());
    conv_wgrad(context, ConvWgradArgs<T>{.shape = s,
                                         .x = o.x.data(),
                                         .grad_y = o.grad_y.data(),
                                         .grad_w = grad_w,
                                         .form = o.form});
    return grad_w.get();
}

}  // namespace sg::testing
