#pragma once

#include <cooperative_groups.h>

#include "kernels/common/vec.h"

// kernels/common/device.cuh on the GPU.

namespace sg {

template <class T>
using Global = T*;
template <class T>
using Shared = T*;

/// A static array in shared memory, declared `__shared__ SharedArray<float, 32> partial;`.
template <class T, int count>
struct alignas(16) SharedArray {
    T elements[count];

    __device__ T& operator[](int i) { return elements[i]; }
    __device__ T* operator+(int i) { return elements + i; }
    __device__ operator T*() { return elements; }  // NOLINT: decays as an array
    __device__ T* pointer() { return elements; }
};

template <class T>
__device__ T* dynamic_shared(size_t offset = 0) {
    extern __shared__ uint4 sg_dynamic_shared[];
    return reinterpret_cast<T*>(reinterpret_cast<char*>(sg_dynamic_shared) + offset);
}

template <class U, class T>
__device__ U* seen_as(T* p) {
    return reinterpret_cast<U*>(p);
}

namespace cuda {

template <int bytes>
struct Word;
template <>
struct Word<2> {
    using type = unsigned short;
};
template <>
struct Word<4> {
    using type = unsigned;
};
template <>
struct Word<8> {
    using type = uint2;
};
template <>
struct Word<16> {
    using type = uint4;
};

}  // namespace cuda

template <int N, class T>
__device__ auto load(T* p) {
    using Value = Vec<std::remove_const_t<T>, N>;
    using Word = typename cuda::Word<sizeof(Value)>::type;
    Value value;
    *reinterpret_cast<Word*>(&value) = *reinterpret_cast<const Word*>(p);
    return value;
}
template <class T, int N>
__device__ void store(T* p, const Vec<T, N>& value) {
    using Word = typename cuda::Word<sizeof(Vec<T, N>)>::type;
    *reinterpret_cast<Word*>(p) = *reinterpret_cast<const Word*>(&value);
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
__device__ inline void cluster_sync() {
    cooperative_groups::this_cluster().sync();
}
__device__ inline unsigned cluster_rank() {
    return cooperative_groups::this_cluster().block_rank();
}
__device__ inline unsigned cluster_blocks() {
    return cooperative_groups::this_cluster().num_blocks();
}
template <class T>
__device__ T* remote_shared(T* p, unsigned rank) {
    return cooperative_groups::this_cluster().map_shared_rank(p, rank);
}
#else
// No clusters before Hopper: every block is one of its own.
__device__ inline void cluster_sync() {
    __syncthreads();
}
__device__ inline unsigned cluster_rank() {
    return 0;
}
__device__ inline unsigned cluster_blocks() {
    return 1;
}
template <class T>
__device__ T* remote_shared(T* p, unsigned) {
    return p;
}
#endif

/// cp.async: from global to shared memory past the registers (PTX ISA, 9.7.9.25).
template <int bytes, class T>
__device__ void copy_async(T* to, const T* from) {
    static_assert(bytes == 4 || bytes == 8 || bytes == 16);
    const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
    if constexpr (bytes == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from)
                     : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(from),
                     "n"(bytes)
                     : "memory");
}
/// The same, but zeros arrive if not `valid`; nothing is read then, though `from` must be an
/// address.
template <int bytes, class T>
__device__ void copy_async(T* to, const T* from, bool valid) {
    static_assert(bytes == 4 || bytes == 8 || bytes == 16);
    const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
    const int source_bytes = valid ? bytes : 0;
    if constexpr (bytes == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from),
                     "r"(source_bytes)
                     : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared), "l"(from),
                     "n"(bytes), "r"(source_bytes)
                     : "memory");
}
__device__ inline void copy_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int groups>
__device__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

}  // namespace sg
