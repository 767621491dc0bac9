#include "kernels/cublas/gemm.h"
#include "tests/conv_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// The product as BLAS defines it: column-major, C = op(A) op(B).
void blas_product(const ConvGemm& g) {
    const auto* a = static_cast<const float*>(g.a);
    const auto* b = static_cast<const float*>(g.b);
    auto* c = static_cast<float*>(g.c);
    for (int64_t column = 0; column < g.n; ++column)
        for (int64_t row = 0; row < g.m; ++row) {
            double sum = 0;
            for (int64_t i = 0; i < g.k; ++i)
                sum += double(g.transpose_a ? a[row * g.lda + i] : a[i * g.lda + row]) *
                       double(g.transpose_b ? b[i * g.ldb + column] : b[column * g.ldb + i]);
            c[column * g.ldc + row] = float(sum);
        }
}

const ConvShape kWhole{.N = 3, .H = 2, .W = 5, .C = 7, .K = 4, .R = 2, .S = 5};
const ConvShape kPixels{.N = 2, .H = 3, .W = 5, .C = 7, .K = 4};

}  // namespace

TEST_CASE("a convolution as one matrix product is that convolution", "[conv_gemm]") {
    CpuContext cpu(1);
    for (const ConvShape& s : {kWhole, kPixels}) {
        INFO(to_string(s));
        const Operands<float> o(s);
        const auto run = [&](ConvPass pass, const void* a, const void* b, int64_t size) {
            Output<float> out(size);
            const auto gemm = conv_gemm({.pass = pass, .shape = s}, {a, b, nullptr, out.data()});
            REQUIRE(gemm);
            blas_product(*gemm);
            return out.get();
        };
        const auto close = [](const std::vector<double>& got, const std::vector<double>& expected) {
            for (size_t i = 0; i < expected.size(); ++i)
                CHECK(got[i] == Approx(expected[i]).margin(1e-5));
        };
        close(run(ConvPass::forward, o.x.data(), o.w.data(), s.y_size()),
              forward<float>(cpu, s, o, false));
        close(run(ConvPass::dgrad, o.grad_y.data(), o.w.data(), s.x_size()),
              dgrad<float>(cpu, s, o));
        close(run(ConvPass::wgrad, o.x.data(), o.grad_y.data(), s.w_size()), wgrad(cpu, s, o));
    }
}

TEST_CASE("only plain matrix products are taken", "[conv_gemm]") {
    CHECK(conv_gemm({.shape = kWhole}, {}));
    CHECK(conv_gemm({.shape = kPixels}, {}));
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad, ConvPass::wgrad}) {
        ConvCall padded{.pass = pass, .shape = kWhole};
        padded.shape.pad = 1;
        CHECK_FALSE(conv_gemm(padded, {}));
        ConvCall smaller{.pass = pass, .shape = kWhole};
        smaller.shape.S = 4;
        CHECK_FALSE(conv_gemm(smaller, {}));
        ConvCall strided{.pass = pass, .shape = kPixels};
        strided.shape.stride = 2;
        CHECK_FALSE(conv_gemm(strided, {}));
    }
    CHECK_FALSE(conv_gemm({.shape = kWhole, .bias = true}, {}));
    CHECK_FALSE(conv_gemm({.shape = kWhole, .slope = 0.01f}, {}));
}
