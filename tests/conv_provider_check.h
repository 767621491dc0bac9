#pragma once

#include "kernels/conv/choice/provider.h"
#include "tests/conv_devices.h"

// All of a provider's candidates on a GPU against the textbook in f64, twice the same bits.

namespace sg::testing {

/// One pass by one candidate, with operands in T and the result in Out.
template <class T, class Out>
std::vector<Out> run_candidate(CudaDevice& device, ConvImplementation& conv,
                               const std::vector<double>& a, const std::vector<double>& b,
                               const std::vector<double>& bias, int64_t size,
                               std::vector<double>& values) {
    auto result = device.output<Out>(size);
    const auto da = device.input(to<T>(a)), db = device.input(to<T>(b));
    const auto dbias = device.input(to<float>(bias));
    auto workspace = device.output<float>((conv.workspace_bytes() + 3) / 4);
    conv.run({.a = da.data(), .b = db.data(), .bias = dbias.data(), .result = result.data()},
             workspace.data());
    values = result.get();
    return result.values();
}

template <class A, class Out>
void check_call(CudaDevice& device, ConvProvider& provider, const ConvCall& call,
                const std::vector<double>& a, const std::vector<double>& b,
                const std::vector<double>& bias, const Sums& exact) {
    using T = typename A::T;
    for (const std::string& name : provider.candidates(call)) {
        INFO(to_string(call) << ": " << name);
        std::unique_ptr<ConvImplementation> conv;
        try {
            conv = provider.build(call, name);
        } catch (const Error& error) {
            WARN("proposed, but not built: " << error.what());
            continue;
        }
        std::vector<double> values, again;
        const int64_t size = int64_t(exact.value.size());
        const auto bits = run_candidate<T, Out>(device, *conv, a, b, bias, size, values);
        CHECK(excess_of<A, Out>(values, exact) <= 1);
        CHECK(same_bits(bits, run_candidate<T, Out>(device, *conv, a, b, bias, size, again)));
    }
}

/// Every pass of a shape, by everything that the provider proposes for it.
template <class A>
void check_provider(CudaDevice& device, ConvProvider& provider, const ConvShape& s) {
    using T = typename A::T;
    const auto x = rounded<T>(uniform(s.x_size(), 1)), w = rounded<T>(uniform(s.w_size(), 2)),
               grad_y = rounded<T>(uniform(s.y_size(), 3)), bias = rounded<float>(uniform(s.K, 4));
    const ConvReference exact(s, x, w, grad_y);
    ConvCall call{.shape = s, .arithmetic = conv_arithmetic<T>(A::math)};
    check_call<A, T>(device, provider, call, x, w, {}, exact.y);
    call.pass = ConvPass::dgrad;
    check_call<A, T>(device, provider, call, grad_y, w, {}, exact.grad_x);
    call.pass = ConvPass::wgrad;
    check_call<A, float>(device, provider, call, x, grad_y, {}, exact.grad_w);

    if (sizeof(T) == 2) {
        call = {.shape = s, .arithmetic = call.arithmetic, .wide_result = true};
        check_call<A, float>(device, provider, call, x, w, {}, exact.y);
        call.pass = ConvPass::dgrad;
        check_call<A, float>(device, provider, call, grad_y, w, {}, exact.grad_x);
    }

    ConvReference leaky = exact;
    leaky.add_bias(bias);
    call = {.shape = s, .arithmetic = call.arithmetic, .bias = true, .slope = 0.25f};
    for (double& v : leaky.y.value) v *= v > 0 ? 1 : call.slope;
    check_call<A, T>(device, provider, call, x, w, bias, leaky.y);
}

}  // namespace sg::testing
