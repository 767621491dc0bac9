#include "kernels/cuda/cuda_context.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <string_view>

#include "kernels/common/error.h"
#include "kernels/cuda/launch.h"

namespace sg {

namespace {

void check(cudaError_t status, const char* operation) {
    if (status != cudaSuccess)
        throw Error(operation,
                    fmt::format("{} ({})", cudaGetErrorString(status), cudaGetErrorName(status)));
}

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

CudaContext::CudaContext(int device) : device_(device) {
    const std::string reason = unavailable();
    if (!reason.empty()) throw Error("cuda", "no GPU can be used: " + reason);
    check(cudaSetDevice(device), "cuda");
    cudaDeviceProp found;
    check(cudaGetDeviceProperties(&found, device), "cuda");
    require(found.major >= 8, "cuda",
            "{} has compute capability {}.{}; 8.0 is the oldest supported", found.name, found.major,
            found.minor);
    properties_ = {.name = found.name,
                   .architecture = 10 * found.major + found.minor,
                   .processors = found.multiProcessorCount,
                   .max_threads = found.maxThreadsPerBlock,
                   .shared_per_block = found.sharedMemPerBlockOptin,
                   .max_cluster = 1,
                   .wgmma = wgmma_wanted()};
    if (attribute(cudaDevAttrClusterLaunch, device))
        properties_.max_cluster = properties_.architecture < 120 ? 16 : 8;
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cuda");
}

CudaContext::~CudaContext() {
    cudaStreamDestroy(stream_);
}

void CudaContext::synchronize() {
    check(cudaStreamSynchronize(stream_), "cuda");
}

double CudaContext::milliseconds(const std::function<void()>& work) {
    struct Event {  // destroyed also if work() throws
        cudaEvent_t id = nullptr;
        Event() { check(cudaEventCreate(&id), "cuda"); }
        ~Event() { cudaEventDestroy(id); }
    } start, stop;
    check(cudaEventRecord(start.id, stream_), "cuda");
    work();
    check(cudaEventRecord(stop.id, stream_), "cuda");
    check(cudaEventSynchronize(stop.id), "cuda");
    float elapsed = 0;
    check(cudaEventElapsedTime(&elapsed, start.id, stop.id), "cuda");
    return elapsed;
}

void* CudaContext::allocate(size_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
        size_t free = 0, total = 0;
        cudaGetLastError();
        cudaMemGetInfo(&free, &total);
        throw Error("cuda", fmt::format("{} bytes of device memory asked for, {} of {} are free",
                                        bytes, free, total));
    }
    check(status, "cuda");
    return memory;
}

void CudaContext::release(void* memory) noexcept {
    cudaFree(memory);
}

void CudaContext::upload(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "cuda");
    synchronize();
}

void CudaContext::download(void* to, const void* from, size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "cuda");
    synchronize();
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
        throw Error(config.kernel,
                    fmt::format("launch failed: {} ({}); {}", cudaGetErrorString(status),
                                cudaGetErrorName(status), to_string(config)));
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
}

}  // namespace cuda

}  // namespace sg
