#include "kernels/cuda/cuda_context.h"

#include <cstdlib>
#include <exception>
#include <string_view>

#include "kernels/cuda/check.h"
#include "kernels/cuda/graphs.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/staging.h"

namespace sg {

using cuda::check;

namespace {

int attribute(cudaDeviceAttr which, int device) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, device), "cuda");
    return value;
}

/// SG_WGMMA=0: for comparisons without another build.
bool wgmma_wanted() {
    const char* value = std::getenv("SG_WGMMA");
    return !value || std::string_view(value) != "0";
}

/// A build names its architectures, and this GPU may be none of them.
void require_code(const cudaDeviceProp& gpu) {
    const cudaError_t status = cuda::code_for_this_gpu();
    if (status != cudaErrorNoKernelImageForDevice && status != cudaErrorInvalidDeviceFunction)
        return check(status, "cuda");
    cudaGetLastError();
    throw Error("cuda",
                fmt::format("this build has no code for {}, compute capability {}.{}", gpu.name,
                            gpu.major, gpu.minor),
                fmt::format("configure with -DSG_CUDA_ARCHITECTURES={}{}, or release for all",
                            gpu.major, gpu.minor));
}

}  // namespace

std::string CudaContext::unavailable() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess) {
        cudaGetLastError();  // not to be reported again by a later call
        int driver = 0;
        if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) return "no NVIDIA driver";
        return cudaGetErrorString(status);
    }
    return count > 0 ? "" : "no GPU";
}

/// The second stream and the events of fork and join. Made before anything is recorded.
struct CudaContext::Side {
    cudaStream_t stream = nullptr;
    cuda::Event forked, joined;

    Side() { check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cuda"); }
    ~Side() {
        cudaStreamSynchronize(stream);
        cudaStreamDestroy(stream);
    }
};

CudaContext::CudaContext(int device) : device_(device) {
    const std::string reason = unavailable();
    if (!reason.empty()) throw Error("cuda", "no GPU can be used: " + reason);
    int count = 0;
    check(cudaGetDeviceCount(&count), "cuda");
    require(device >= 0 && device < count, "cuda", "there are {} GPUs, 0 to {}; got {}", count,
            count - 1, device);
    check(cudaSetDevice(device), "cuda");
    cudaDeviceProp found;
    check(cudaGetDeviceProperties(&found, device), "cuda");
    require(found.major >= 8, "cuda",
            "{} has compute capability {}.{}; 8.0 is the oldest supported", found.name, found.major,
            found.minor);
    require_code(found);
    properties_ = {.name = found.name,
                   .architecture = 10 * found.major + found.minor,
                   .processors = found.multiProcessorCount,
                   .max_threads = found.maxThreadsPerBlock,
                   .shared_per_block = found.sharedMemPerBlockOptin,
                   .max_cluster = 1,
                   .wgmma = wgmma_wanted()};
    if (attribute(cudaDevAttrClusterLaunch, device))
        properties_.max_cluster = properties_.architecture < 120 ? 16 : 8;
    staging_ = std::make_unique<StagingRing>();
    side_ = std::make_unique<Side>();
    // Last: a constructor that throws later would not destroy it.
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cuda");
    graphs_ = std::make_unique<CudaGraphs>(stream_);
}

CudaContext::~CudaContext() {
    cudaStreamSynchronize(stream_);  // nobody may free what a kernel still uses
    graphs_.reset();
    conv_chooser_.reset();
    staging_.reset();
    side_.reset();
    cudaStreamDestroy(stream_);
}

void CudaContext::run_as_graph(const std::string& key, const std::function<void()>& work) {
    const char* before = last_kernel_;
    try {
        graphs_->run(key, work, [this] { return last_kernel_; });
    } catch (...) {
        if (graphs_->failed_recording()) last_kernel_ = before;  // nothing of it was launched
        throw;
    }
}

void CudaContext::beside(const std::function<void()>& aside, const std::function<void()>& work) {
    side_->forked.record(stream_);
    side_->forked.wait_on(side_->stream);
    std::exception_ptr failure;  // the first
    const auto attempt = [&](const auto& part) {
        try {
            part();
        } catch (...) {
            if (!failure) failure = std::current_exception();
        }
    };
    std::swap(stream_, side_->stream);
    attempt(aside);
    std::swap(stream_, side_->stream);
    // The streams meet again whatever failed: a recording must not end forked, and what comes later
    // may reuse memory that aside() reads.
    attempt([&] { side_->joined.record(side_->stream); });
    if (!failure) attempt(work);
    attempt([&] { side_->joined.wait_on(stream_); });
    if (failure) std::rethrow_exception(failure);
}

void CudaContext::synchronize() {
    require(!graphs_->recording(), "cuda", "nobody can wait for work that is being recorded");
    check(cudaStreamSynchronize(stream_), "cuda", last_kernel_);
}

double CudaContext::milliseconds(const std::function<void()>& work) {
    cuda::Event start(true), stop(true);
    start.record(stream_);
    work();
    stop.record(stream_);
    stop.wait_on_host(last_kernel_);
    float elapsed = 0;
    check(cudaEventElapsedTime(&elapsed, start.get(), stop.get()), "cuda");
    return elapsed;
}

CudaContext::Memory CudaContext::memory() const {
    Memory memory{};
    check(cudaMemGetInfo(&memory.free, &memory.total), "cuda", last_kernel_);
    return memory;
}

void* CudaContext::allocate(size_t bytes) {
    void* memory = nullptr;
    // While work is recorded, memory is given only to who says that it is not part of the record.
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    check(cudaThreadExchangeStreamCaptureMode(&mode), "cuda", last_kernel_);
    const cudaError_t status = cudaMalloc(&memory, bytes);
    check(cudaThreadExchangeStreamCaptureMode(&mode), "cuda", last_kernel_);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        const auto [free, total] = this->memory();
        throw Error("cuda",
                    fmt::format("{} MiB of device memory asked for, {} of {} MiB are free",
                                bytes >> 20, free >> 20, total >> 20),
                    "a smaller batch or image size needs less, and bf16 about half of f32");
    }
    check(status, "cuda", last_kernel_);
    return memory;
}

void CudaContext::release(void* memory) noexcept {
    cudaFree(memory);
}

void CudaContext::upload(void* to, const void* from, size_t bytes) {
    // A graph would read the pinned memory at each launch, when others use it.
    require(!graphs_->recording(), "cuda", "{} bytes to upload while work is recorded", bytes);
    staging_->upload(to, from, bytes, stream_, last_kernel_);
}

void CudaContext::download(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "cuda", last_kernel_);
    synchronize();
}

void CudaContext::copy(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "cuda",
          last_kernel_);
}

void CudaContext::zero(void* to, size_t bytes) {
    check(cudaMemsetAsync(to, 0, bytes, stream_), "cuda", last_kernel_);
}

namespace cuda {

namespace {

constexpr size_t shared_without_asking = 48 << 10;
constexpr unsigned portable_cluster = 8;

}  // namespace

void run(CudaContext& context, const Launch& config, const void* kernel, void** arguments) {
    check_launch(context.properties(), config);
    const auto check_step = [&](cudaError_t status) {
        if (status == cudaSuccess) return;
        cudaGetLastError();  // a refused launch leaves no trace in later calls
        const std::string fact =
            cuda::is_sticky(status)
                ? fmt::format("{}: in this kernel or one launched earlier (before it: {})",
                              cuda::text_of(status), context.last_kernel())
                : fmt::format("launch failed: {}; {}", cuda::text_of(status), to_string(config));
        if (cuda::is_sticky(status)) throw LostDevice(config.kernel, fact, cuda::advice(status));
        throw Error(config.kernel, fact);
    };
    if (config.shared > shared_without_asking)
        check_step(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        int(config.shared)));
    if (config.cluster > portable_cluster)
        check_step(cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = config.cluster;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    cudaLaunchConfig_t launch{};
    launch.gridDim = dim3(config.grid.x, config.grid.y, config.grid.z);
    launch.blockDim = dim3(config.block.x, config.block.y, config.block.z);
    launch.dynamicSmemBytes = config.shared;
    launch.stream = context.stream();
    launch.attrs = &cluster;
    launch.numAttrs = config.cluster > 1 ? 1 : 0;
    check_step(cudaLaunchKernelExC(&launch, kernel, arguments));
    context.note_launch(config.kernel);
}

}  // namespace cuda

}  // namespace sg
