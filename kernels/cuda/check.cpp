#include "kernels/cuda/check.h"

namespace sg::cuda {

bool is_sticky(cudaError_t status) {
    switch (status) {
        case cudaErrorIllegalAddress:
        case cudaErrorLaunchFailure:
        case cudaErrorLaunchTimeout:
        case cudaErrorHardwareStackError:
        case cudaErrorIllegalInstruction:
        case cudaErrorMisalignedAddress:
        case cudaErrorInvalidAddressSpace:
        case cudaErrorInvalidPc:
        case cudaErrorAssert:
        case cudaErrorECCUncorrectable:
        case cudaErrorDeviceUninitialized:
        case cudaErrorNvlinkUncorrectable:
        case cudaErrorContained:
        case cudaErrorTensorMemoryLeak:
        case cudaErrorExternalDevice:
            return true;
        default:
            return false;
    }
}

std::string text_of(cudaError_t status) {
    return fmt::format("{} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
}

std::string advice(cudaError_t status) {
    if (!is_sticky(status)) return {};
    const std::string restart = "the GPU is lost for this process: start it again";
    switch (status) {
        case cudaErrorECCUncorrectable:
        case cudaErrorDeviceUninitialized:
        case cudaErrorNvlinkUncorrectable:
        case cudaErrorContained:
        case cudaErrorExternalDevice:
            return restart + "; nvidia-smi -q shows the state of the GPU";
        case cudaErrorLaunchTimeout:
            return restart + "; a GPU that drives a display limits the time of a kernel";
        default:
            return restart +
                   ", with CUDA_LAUNCH_BLOCKING=1 and --graph false to have the kernel named "
                   "for certain";
    }
}

void check(cudaError_t status, const char* operation, const char* last_kernel) {
    if (status == cudaSuccess) return;
    cudaGetLastError();  // an error that passes is not reported again by a later call
    std::string fact = text_of(status);
    if (last_kernel && is_sticky(status))
        fact += fmt::format("; the last kernel launched was {}, the failing one may be an earlier",
                            last_kernel);
    if (is_sticky(status)) throw LostDevice(operation, fact, advice(status));
    throw Error(operation, fact);
}

Event::Event(bool timing) {
    check(cudaEventCreateWithFlags(&id_, timing ? cudaEventDefault : cudaEventDisableTiming),
          "cuda");
}
Event::~Event() {
    if (id_) cudaEventDestroy(id_);
}
void Event::record(cudaStream_t stream) {
    check(cudaEventRecord(id_, stream), "cuda");
}
void Event::wait_on_host(const char* last_kernel) {
    check(cudaEventSynchronize(id_), "cuda", last_kernel);
}
void Event::wait_on(cudaStream_t stream) {
    check(cudaStreamWaitEvent(stream, id_), "cuda");
}

}  // namespace sg::cuda
