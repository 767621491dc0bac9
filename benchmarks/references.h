#pragma once

#include "benchmarks/kernel_family.h"
#include "kernels/common/library_call.h"
#include "kernels/conv/conv_call.h"
#include "kernels/cudnn/norm.h"

// What NVIDIA's libraries have for the same work on a GPU. Where one has nothing, or cannot be
// used, the reference says why. Operands are asked for at every run: they rotate (device_memory.h).

namespace sg {

class CudaContext;

/// Whether there is a GPU, so that NVIDIA's libraries can run on a case's operands.
template <class Context>
inline constexpr bool has_libraries = std::is_same_v<Context, CudaContext>;

/// cuDNN's fastest way, found by timing all that give the same bits in every run on these operands;
/// and cuBLAS's where the call is a matrix product.
std::vector<KernelReference> conv_references(CudaContext& context, const ConvCall& call,
                                             const std::function<ConvOperands()>& operands);

KernelReference norm_reference(CudaContext& context, CudnnInstanceNorm::Pass pass,
                               const InstanceNormShape& shape, CudnnInstanceNorm::Type type,
                               const std::function<CudnnInstanceNorm::Operands()>& operands);

/// sums[n] = sum_i x[n, i]^2 of x [N, size]. The result's error is the caller's to tell.
struct SquaredNormsOperands {
    const float* x;
    float* sums;
};
KernelReference squared_norms_reference(CudaContext& context, int64_t N, int64_t size,
                                        const std::function<SquaredNormsOperands()>& operands);

/// cuDNN's way to another operation.
KernelReference cudnn_primitive_reference(CudaContext& context, const LibraryCall& call,
                                          const std::function<LibraryOperands()>& operands);

}  // namespace sg
