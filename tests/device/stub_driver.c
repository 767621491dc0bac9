// A CUDA driver without a GPU: what cuDNN asks of libcuda.so.1 to accept a kernel that it compiled
// for a described GPU. It loads anything and runs nothing, so that plans can be made, not run.
// cuDNN looks for all of these functions and calls few.

enum { CUDA_SUCCESS = 0, CUDA_ERROR_NO_DEVICE = 100 };

static int handle;  // what a handle points to

int cuDriverGetVersion(int* version) {
    *version = 13000;
    return CUDA_SUCCESS;
}
int cuLibraryLoadData(void** library) {
    *library = &handle;
    return CUDA_SUCCESS;
}
int cuLibraryGetKernel(void** kernel) {
    *kernel = &handle;
    return CUDA_SUCCESS;
}
int cuKernelGetAttribute(int* value) {
    *value = 0;
    return CUDA_SUCCESS;
}
int cuOccupancyMaxPotentialClusterSize(int* size) {
    *size = 8;  // what every GPU with clusters has
    return CUDA_SUCCESS;
}
int cuCtxGetCurrent(void** context) {
    *context = &handle;
    return CUDA_SUCCESS;
}
int cuGetErrorName(int error, const char** text) {
    (void)error;
    *text = "stub";
    return CUDA_SUCCESS;
}
int cuGetErrorString(int error, const char** text) {
    return cuGetErrorName(error, text);
}

#define ACCEPTS(function) \
    int function(void) { return CUDA_SUCCESS; }
ACCEPTS(cuKernelSetAttribute)
ACCEPTS(cuLibraryUnload)

#define REFUSES(function) \
    int function(void) { return CUDA_ERROR_NO_DEVICE; }
REFUSES(cuCtxGetLimit)
REFUSES(cuCtxPopCurrent)
REFUSES(cuCtxPushCurrent)
REFUSES(cuDeviceGet)
REFUSES(cuDeviceGetCount)
REFUSES(cuLaunchCooperativeKernel)
REFUSES(cuLaunchKernel)
REFUSES(cuLaunchKernelEx)
REFUSES(cuLibraryLoadFromFile)
REFUSES(cuLinkAddData)
REFUSES(cuLinkComplete)
REFUSES(cuLinkCreate)
REFUSES(cuLinkDestroy)
REFUSES(cuStreamGetCtx)
