#include "tests/device/fake_cuda_state.h"

#include <cstdlib>
#include <cstring>

using namespace sg::testing::fake_cuda;

namespace {

std::map<void*, size_t> allocations;
std::map<const void*, std::string> kernels;

/// What may not be done while work is recorded.
bool forbidden() {
    return recording_stream && capture_mode != cudaStreamCaptureModeRelaxed;
}

void run_until(CUstream_st& stream, size_t place) {
    while (stream.done < place && !stream.work.empty()) {
        const auto work = std::move(stream.work.front());
        stream.work.pop_front();
        ++stream.done;
        if (sticky == cudaSuccess) work();
    }
}

}  // namespace

namespace sg::testing {

void set_fake_cuda(FakeCuda& machine) {
    fake = &machine;
    sticky = cudaSuccess;
}
void name_fake_kernel(const void* kernel, std::string name) {
    kernels[kernel] = std::move(name);
}

}  // namespace sg::testing

namespace sg::cuda {

cudaError_t code_for_this_gpu() {
    return fake->code_status;
}

}  // namespace sg::cuda

extern "C" {

const char* cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory" : "a fake error";
}
const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaErrorMemoryAllocation:
            return "cudaErrorMemoryAllocation";
        case cudaErrorIllegalAddress:
            return "cudaErrorIllegalAddress";
        case cudaErrorECCUncorrectable:
            return "cudaErrorECCUncorrectable";
        case cudaErrorInvalidConfiguration:
            return "cudaErrorInvalidConfiguration";
        default:
            return "cudaErrorOther";
    }
}
cudaError_t cudaGetLastError() {
    return sticky;
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = fake->devices;
    return fake->device_count_status;
}
cudaError_t cudaDriverGetVersion(int* version) {
    *version = fake->driver_version;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    return device < fake->devices ? cudaSuccess : cudaErrorInvalidDevice;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {};
    std::strcpy(properties->name, "Fake GPU");
    properties->major = fake->major;
    properties->minor = fake->minor;
    properties->multiProcessorCount = 132;
    properties->maxThreadsPerBlock = 1024;
    properties->sharedMemPerBlockOptin = 227 << 10;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
    *value = 1;
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    ++fake->live_streams;
    *stream = new CUstream_st;
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    --fake->live_streams;
    delete stream;
    return sticky;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (stream->recording) return cudaErrorStreamCaptureUnsupported;
    run_until(*stream, stream->queued);
    return sticky;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const CUevent_st copy = *event;
    if (copy.recording) {
        if (!stream->recording) {
            stream->recording = copy.recording;
            forked.insert(stream);
        }
        if (stream == recording_stream) {
            forked.erase(copy.stream);
            if (copy.stream != stream) copy.stream->recording = nullptr;
        }
        stream->recording->names.push_back("wait");
        stream->recording->work.push_back([] {});
        return cudaSuccess;
    }
    return queue(stream, "wait", [copy] {
        if (copy.stream) run_until(*copy.stream, copy.place);
    });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    ++fake->live_events;
    *event = new CUevent_st;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    --fake->live_events;
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    *event = {stream, stream->queued, stream->recording};
    return sticky;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (event->stream) run_until(*event->stream, event->place);
    return sticky;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
    *milliseconds = 1;
    return sticky;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    if (sticky != cudaSuccess) return sticky;
    if (forbidden()) return cudaErrorStreamCaptureUnsupported;
    if (fake->used_memory + bytes > fake->total_memory) return cudaErrorMemoryAllocation;
    *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    allocations[*memory] = bytes;
    fake->used_memory += bytes;
    ++fake->live_allocations;
    return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
    if (forbidden()) return cudaErrorStreamCaptureUnsupported;
    fake->used_memory -= allocations[memory];
    --fake->live_allocations;
    std::free(memory);
    return sticky;
}
cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    if (fake->pinned_memory_refused) return cudaErrorMemoryAllocation;
    ++fake->live_pinned;
    *memory = std::malloc(bytes);
    return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
    --fake->live_pinned;
    std::free(memory);
    return sticky;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    *free = fake->total_memory - fake->used_memory;
    *total = fake->total_memory;
    return sticky;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
    return queue(stream, "copy", [=] {
        std::memcpy(to, from, bytes);
        fake->executed.emplace_back("copy");
    });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
    return queue(stream, "fill", [=] {
        std::memset(to, value, bytes);
        fake->executed.emplace_back("fill");
    });
}

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
    return sticky;
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void**) {
    if (fake->refuse_launch != cudaSuccess) return std::exchange(fake->refuse_launch, cudaSuccess);
    const std::string name = kernels[kernel];
    return queue(config->stream, name, [name] {
        fake->executed.push_back(name);
        if (name == fake->failing_kernel) sticky = fake->kernel_error;
    });
}

}  // extern "C"
