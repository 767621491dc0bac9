#pragma once

#include <optional>

#include "kernels/conv/conv_call.h"

namespace sg {

/// A convolution as one product of column-major matrices, C [m][n] = op(A) op(B), as BLAS wants it.
/// NHWC and KRSC are row-major, so what BLAS sees are the transposes.
struct ConvGemm {
    bool transpose_a, transpose_b;
    int64_t m, n, k;
    int64_t lda, ldb, ldc;  ///< elements from one column to the next
    const void *a, *b;
    void* c;
};

/// Nothing unless the call is a plain matrix product: a kernel as large as the unpadded image (D's
/// class head) or of one pixel with stride 1 and no padding; no epilogue.
std::optional<ConvGemm> conv_gemm(const ConvCall& call, const ConvOperands& operands);

}  // namespace sg
