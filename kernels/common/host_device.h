#pragma once

/// In front of a function that kernels call on the host and on the GPU.
#if defined(__CUDACC__)
#define SG_HOST_DEVICE __host__ __device__
#else
#define SG_HOST_DEVICE
#endif
