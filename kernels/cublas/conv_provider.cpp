#include "kernels/cublas/conv_provider.h"

#include <cublas_v2.h>

#include "kernels/common/error.h"
#include "kernels/cublas/gemm.h"
#include "kernels/cuda/cuda_context.h"
#include "kernels/cuda/shared_library.h"

namespace sg {

namespace {

/// cublasGemmEx in C; its header adds an older one of the same name to C++.
using GemmEx = cublasStatus_t(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n,
                              int k, const void* alpha, const void* a, cudaDataType, int lda,
                              const void* b, cudaDataType, int ldb, const void* beta, void* c,
                              cudaDataType, int ldc, cublasComputeType_t, cublasGemmAlgo_t);

/// cuBLAS's functions that this project calls.
struct CublasLibrary {
    SharedLibrary file{fmt::format("libcublas.so.{}", CUBLAS_VER_MAJOR)};
    decltype(&cublasCreate_v2) create = file.symbol<decltype(cublasCreate_v2)>("cublasCreate_v2");
    decltype(&cublasDestroy_v2) destroy =
        file.symbol<decltype(cublasDestroy_v2)>("cublasDestroy_v2");
    decltype(&cublasGetVersion_v2) get_version =
        file.symbol<decltype(cublasGetVersion_v2)>("cublasGetVersion_v2");
    decltype(&cublasSetStream_v2) set_stream =
        file.symbol<decltype(cublasSetStream_v2)>("cublasSetStream_v2");
    decltype(&cublasSetWorkspace_v2) set_workspace =
        file.symbol<decltype(cublasSetWorkspace_v2)>("cublasSetWorkspace_v2");
    decltype(&cublasSetMathMode) set_math_mode =
        file.symbol<decltype(cublasSetMathMode)>("cublasSetMathMode");
    GemmEx* gemm_ex = file.symbol<GemmEx>("cublasGemmEx");
    decltype(&cublasGetStatusString) status_string =
        file.symbol<decltype(cublasGetStatusString)>("cublasGetStatusString");

    void check(cublasStatus_t status, const std::string& what) const {
        if (status != CUBLAS_STATUS_SUCCESS)
            throw Error("cublas", fmt::format("{}: {}", what, status_string(status)));
    }
};

}  // namespace

/// One handle, whose calls run on the stream that the context uses.
struct CublasHandle {
    explicit CublasHandle(const CudaContext& of)
        : context(of),
          workspace_bytes(of.properties().architecture >= 90 ? int64_t{32} << 20
                                                             : int64_t{4} << 20) {
        library.check(library.create(&id), "no handle");
        // Sums of bf16 products stay f32 also where the depth is split.
        library.check(library.set_math_mode(
                          id, cublasMath_t(CUBLAS_DEFAULT_MATH |
                                           CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)),
                      "the arithmetic was refused");
    }
    ~CublasHandle() { library.destroy(id); }
    CublasHandle(const CublasHandle&) = delete;
    CublasHandle& operator=(const CublasHandle&) = delete;

    const CudaContext& context;
    CublasLibrary library;
    cublasHandle_t id = nullptr;
    int64_t
        workspace_bytes;  ///< NVIDIA's sizes for the architecture; without one, cuBLAS allocates
};

namespace {

class CublasConv : public ConvImplementation {
  public:
    CublasConv(std::shared_ptr<CublasHandle> handle, const ConvCall& call)
        : handle_(std::move(handle)), call_(call) {}

    int64_t workspace_bytes() const override { return handle_->workspace_bytes; }

    void run(const ConvOperands& operands, void* workspace) override {
        const CublasLibrary& library = handle_->library;
        const ConvGemm g = *conv_gemm(call_, operands);
        const cudaDataType in = call_.arithmetic == ConvArithmetic::bf16 ? CUDA_R_16BF : CUDA_R_32F;
        const bool wide = call_.wide_result || call_.pass == ConvPass::wgrad;
        const cudaDataType out = wide ? CUDA_R_32F : in;
        const float one = 1, zero = 0;
        library.check(library.set_stream(handle_->id, handle_->context.stream()),
                      "the stream was refused");
        library.check(library.set_workspace(handle_->id, workspace, size_t(workspace_bytes())),
                      "the workspace was refused");
        library.check(
            library.gemm_ex(handle_->id, g.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                            g.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, int(g.m), int(g.n), int(g.k),
                            &one, g.a, in, int(g.lda), g.b, in, int(g.ldb), &zero, g.c, out,
                            int(g.ldc),
                            call_.arithmetic == ConvArithmetic::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                     : CUBLAS_COMPUTE_32F,
                            CUBLAS_GEMM_DEFAULT),
            to_string(call_));
    }

  private:
    std::shared_ptr<CublasHandle> handle_;
    ConvCall call_;
};

}  // namespace

CublasConvProvider::CublasConvProvider(const CudaContext& context)
    : handle_(std::make_shared<CublasHandle>(context)) {}

std::string CublasConvProvider::library_path() {
    return CublasLibrary().file.path();
}

std::string CublasConvProvider::version() const {
    int version = 0;
    const CublasLibrary& library = handle_->library;
    library.check(library.get_version(handle_->id, &version), "no version");
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::vector<std::string> CublasConvProvider::candidates(const ConvCall& call) {
    return conv_gemm(call, {}) ? std::vector<std::string>{"gemm"} : std::vector<std::string>{};
}

std::unique_ptr<ConvImplementation> CublasConvProvider::build(const ConvCall& call,
                                                              const std::string& candidate) {
    require(candidate == "gemm" && conv_gemm(call, {}), "cublas", "there is no '{}' for {}",
            candidate, to_string(call));
    return std::make_unique<CublasConv>(handle_, call);
}

}  // namespace sg
