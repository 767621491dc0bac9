#pragma once

#include <concepts>

namespace sg {

class CudaContext;
class SimContext;

/// A context on which the kernels of the .cu files run. Each file is compiled once for every such
/// context: by nvcc for the GPU (CudaContext), by the host's compiler for the simulated device
/// (SimContext, kernels/sim). A function declared for `DeviceContext Device` is defined for both.
template <class T>
concept DeviceContext = std::same_as<T, CudaContext> || std::same_as<T, SimContext>;

}  // namespace sg
