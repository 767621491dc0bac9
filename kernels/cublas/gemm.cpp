#include "kernels/cublas/gemm.h"

namespace sg {

std::optional<ConvGemm> conv_gemm(const ConvCall& call, const ConvOperands& o) {
    const ConvShape& s = call.shape;
    const bool whole = s.R == s.H && s.S == s.W && s.pad == 0;
    const bool pixels = s.R == 1 && s.S == 1 && s.stride == 1 && s.pad == 0;
    if (!(whole || pixels) || call.bias || call.slope != 1) return std::nullopt;

    // X [rows][depth], W [K][depth], Y [rows][K], row-major.
    const int64_t depth = s.R * s.S * s.C, rows = s.x_size() / depth, K = s.K;
    switch (call.pass) {
        case ConvPass::forward:  // Y^T = W X^T
            return ConvGemm{.transpose_a = true,
                            .transpose_b = false,
                            .m = K,
                            .n = rows,
                            .k = depth,
                            .lda = depth,
                            .ldb = depth,
                            .ldc = K,
                            .a = o.b,
                            .b = o.a,
                            .c = o.result};
        case ConvPass::dgrad:  // X^T = W^T Y^T
            return ConvGemm{.transpose_a = false,
                            .transpose_b = false,
                            .m = depth,
                            .n = rows,
                            .k = K,
                            .lda = depth,
                            .ldb = K,
                            .ldc = depth,
                            .a = o.b,
                            .b = o.a,
                            .c = o.result};
        case ConvPass::wgrad:  // W^T = X^T Y
            break;
    }
    return ConvGemm{.transpose_a = false,
                    .transpose_b = true,
                    .m = depth,
                    .n = K,
                    .k = rows,
                    .lda = depth,
                    .ldb = K,
                    .ldc = depth,
                    .a = o.a,
                    .b = o.b,
                    .c = o.result};
}

}  // namespace sg
