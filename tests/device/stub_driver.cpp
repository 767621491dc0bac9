// A CUDA driver without a GPU: what cuDNN asks of libcuda.so.1 to accept a kernel that it compiled
// for a described GPU. It loads anything and runs nothing, so that plans can be made, not run.
// cuDNN looks for all of these functions and calls few; arguments behind those that it looks at are
// left out.

namespace {

constexpr int success = 0, no_device = 100;
int anything;  // what handles point to

}  // namespace

extern "C" {

int cuDriverGetVersion(int* version) {
    *version = 13000;
    return success;
}
int cuLibraryLoadData(void** library) {
    *library = &anything;
    return success;
}
int cuLibraryGetKernel(void** kernel) {
    *kernel = &anything;
    return success;
}
int cuKernelGetAttribute(int* value) {
    *value = 0;
    return success;
}
int cuOccupancyMaxPotentialClusterSize(int* size) {
    *size = 8;  // what every GPU with clusters has
    return success;
}
int cuCtxGetCurrent(void** context) {
    *context = &anything;
    return success;
}
int cuGetErrorName(int, const char** text) {
    *text = "stub";
    return success;
}
int cuGetErrorString(int, const char** text) {
    *text = "the driver of the tests runs nothing";
    return success;
}

#define SG_ACCEPTS(function) \
    int function() {         \
        return success;      \
    }
SG_ACCEPTS(cuKernelSetAttribute)
SG_ACCEPTS(cuLibraryUnload)

#define SG_REFUSES(function) \
    int function() {         \
        return no_device;    \
    }
SG_REFUSES(cuCtxGetLimit)
SG_REFUSES(cuCtxPopCurrent)
SG_REFUSES(cuCtxPushCurrent)
SG_REFUSES(cuDeviceGet)
SG_REFUSES(cuDeviceGetCount)
SG_REFUSES(cuLaunchCooperativeKernel)
SG_REFUSES(cuLaunchKernel)
SG_REFUSES(cuLaunchKernelEx)
SG_REFUSES(cuLibraryLoadFromFile)
SG_REFUSES(cuLinkAddData)
SG_REFUSES(cuLinkComplete)
SG_REFUSES(cuLinkCreate)
SG_REFUSES(cuLinkDestroy)
SG_REFUSES(cuStreamGetCtx)

}  // extern "C"
