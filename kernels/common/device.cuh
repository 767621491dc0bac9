#pragma once

// The language in which the .cu files are written: CUDA C++ plus the names below, which nvcc and
// the host's compiler (for the simulated device, docs/sim.md) give the same meaning.
//
//   ThisDevice            the context this compilation is for: CudaContext or SimContext
//   launch(context, Launch{...}, kernel, arguments...)
//   Global<T>             pointer to global memory: T* on the GPU
//   Shared<T>             pointer to shared memory
//   __shared__ SharedArray<T, n> a;         static shared memory
//   dynamic_shared<T>(offset_in_bytes)      dynamic shared memory (Launch::shared bytes)
//   seen_as<U>(p)         the same shared memory as elements of type U
//   load<N>(p), store(p, Vec<T, N>)         one aligned access of N values
//   cluster_sync(), cluster_rank(), cluster_blocks(), remote_shared(p, rank)
//   copy_async<bytes>(shared, global), copy_async<bytes>(shared, global, valid) (zeros if not),
//   copy_async_commit(), copy_async_wait<groups>()

#include "kernels/common/bf16.h"
#include "kernels/common/device_context.h"
#include "kernels/common/device_properties.h"
#include "kernels/common/error.h"
#include "kernels/common/vec.h"

#ifdef __CUDACC__
#include "kernels/cuda/device_language.cuh"
#include "kernels/cuda/launch.h"
namespace sg {
using ThisDevice = CudaContext;
}
#else
#include "kernels/sim/device_language.h"
#include "kernels/sim/launch.h"
namespace sg {
using ThisDevice = SimContext;
}
#endif
