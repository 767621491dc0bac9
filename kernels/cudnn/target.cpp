#include "kernels/cudnn/target.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_context.h"
#include "kernels/cudnn/descriptor.h"

namespace sg {

using namespace cudnn;

namespace {

/// What cuDNN knows of a GPU, by the names it uses. The figures are those of one product.
struct Description {
    int architecture;
    const char* name;
    int processors;
    int shared_per_block;  ///< bytes that a kernel may ask for
    int blocks, threads;   ///< per processor
    int l2_bytes;
    int64_t memory;
    int clock_khz, memory_clock_khz;
};
constexpr int64_t gib = int64_t(1) << 30;
constexpr Description descriptions[] = {
    {80, "NVIDIA A100-SXM4-80GB", 108, 166912, 32, 2048, 40 << 20, 80 * gib, 1410000, 1593000},
    {86, "NVIDIA GeForce RTX 3090", 82, 101376, 16, 1536, 6 << 20, 24 * gib, 1695000, 9751000},
    {89, "NVIDIA GeForce RTX 4090", 128, 101376, 24, 1536, 72 << 20, 24 * gib, 2520000, 10501000},
    {90, "NVIDIA H200", 132, 232448, 32, 2048, 60 << 20, 141 * gib, 1980000, 3201000},
    {100, "NVIDIA B200", 148, 232448, 32, 2048, 126 << 20, 180 * gib, 1965000, 3996000},
    {120, "NVIDIA GeForce RTX 5090", 170, 101376, 24, 1536, 96 << 20, 32 * gib, 2407000, 14001000},
};

/// cuDNN refuses a text that lacks any of these.
std::string json_of(const Description& d) {
    return fmt::format(
        R"({{"deviceVer": {}, "driverVer": 13000, "cudaDeviceId": 0, "deviceName": "{}",
"multiProcessorCount": {}, "warpSize": 32, "supportCoopLaunch": 1, "isTccDriver": 0,
"pciDeviceId": 0, "totalGlobalMem": {}, "l2CacheSize": {}, "smClockRateKHz": {},
"memClockRateKHz": {}, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
"maxThreadsPerBlock": 1024, "maxThreadsPerSM": {}, "maxCtasPerSM": {}, "regsPerBlock": 65536,
"maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": {},
"reservedSharedMemoryPerBlock": 1024}})",
        10 * d.architecture, d.name, d.processors, d.memory, d.l2_bytes, d.clock_khz,
        d.memory_clock_khz, d.threads, d.blocks, d.shared_per_block);
}

}  // namespace

CudnnTarget::CudnnTarget(const CudaContext& context) : context_(&context) {
    library();  // before a GPU is asked for
    // cudnnCreate takes the current GPU.
    const cudaError_t status = cudaSetDevice(context.device());
    require(status == cudaSuccess, "cudnn", "GPU {}: {}", context.device(),
            cudaGetErrorString(status));
    cudnnHandle_t handle = nullptr;
    check(library().create(&handle), fmt::format("creating a handle for GPU {}", context.device()));
    handle_ = {handle, [](cudnnHandle_t owned) { library().destroy(owned); }};
}

CudnnTarget CudnnTarget::described(int architecture) {
    for (const Description& d : descriptions) {
        if (d.architecture != architecture) continue;
        const std::string json = json_of(d);
        const std::vector<char> text(json.c_str(), json.c_str() + json.size() + 1);
        auto description = std::make_shared<Descriptor>(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
        description->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, text).finalize();
        CudnnTarget target;
        target.description_ = std::move(description);
        return target;
    }
    throw Error("cudnn", fmt::format("no GPU of architecture {} is described", architecture),
                "80, 86, 89, 90, 100, 120");
}

std::string CudnnTarget::unavailable() {
    try {
        library();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

std::string CudnnTarget::version() {
    return library().version;
}

std::string CudnnTarget::path() {
    return cudnn::library().path;
}

cudnnContext* CudnnTarget::handle() const {
    require(!is_described(), "cudnn", "plans for a described GPU cannot run");
    check(library().set_stream(handle_.get(), context_->stream()), "setting the stream");
    return handle_.get();
}

void CudnnTarget::set_in(Descriptor& descriptor, int handle_attribute, int device_attribute) const {
    if (!is_described() && handle_attribute)
        descriptor.set(cudnnBackendAttributeName_t(handle_attribute), handle());
    if (is_described() && device_attribute)
        descriptor.set(cudnnBackendAttributeName_t(device_attribute), *description_);
}

}  // namespace sg
