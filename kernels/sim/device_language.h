#pragma once

#include "kernels/common/vec.h"
#include "kernels/sim/cuda_language.h"

// kernels/common/device.cuh on the simulated device.

namespace sg {

template <class T>
using Global = sim::GlobalPointer<T>;
template <class T>
using Shared = sim::SharedPointer<T>;

namespace sim {

template <class T>
SharedPointer<T> dynamic_shared(size_t offset = 0) {
    const size_t bytes = current->block->cluster->launch->launch.shared;
    if (offset % alignof(T) != 0) fail_alignment(current->block->shared + offset, alignof(T));
    return {reinterpret_cast<T*>(current->block->shared + offset),
            offset < bytes ? (bytes - offset) / sizeof(T) : 0};
}

/// The same memory as elements of another type.
template <class U, class T>
SharedPointer<U> seen_as(SharedPointer<T> p) {
    return {reinterpret_cast<U*>(p.base()), p.count() * sizeof(T) / sizeof(U),
            p.at() * int64_t(sizeof(T)) / int64_t(sizeof(U))};
}

template <int N, template <class> class Pointer, class T>
[[gnu::always_inline]] inline Vec<std::remove_const_t<T>, N> load(Pointer<T> p) {
    Vec<std::remove_const_t<T>, N> value;
    T* from = p.vector(Access::load, sizeof(value));
    SG_SIM_RECORD(Pointer<T>::space, Access::load, from, sizeof(value));
    std::memcpy(&value.v, static_cast<const void*>(from), sizeof(value));
    return value;
}

template <template <class> class Pointer, class T, int N>
[[gnu::always_inline]] inline void store(Pointer<T> p, const Vec<T, N>& value) {
    T* to = p.vector(Access::store, sizeof(value));
    SG_SIM_RECORD(Pointer<T>::space, Access::store, to, sizeof(value));
    std::memcpy(static_cast<void*>(to), &value.v, sizeof(value));
}

inline void cluster_sync(Where where = Where::current()) {
    cluster_barrier(where);
}
inline unsigned cluster_rank() {
    return unsigned(current->block->rank);
}
inline unsigned cluster_blocks() {
    return unsigned(current->block->cluster->blocks.size());
}
/// The block of the cluster whose shared memory is about to be accessed; throws if it is gone.
const Block& remote_block(unsigned rank);

template <class T>
SharedPointer<T> remote_shared(SharedPointer<T> p, unsigned rank) {
    auto* base = reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<T>*>(p.base()));
    std::byte* there = remote_block(rank).shared + (base - current->block->shared);
    return {reinterpret_cast<T*>(there), p.count(), p.at()};
}

/// Copies that are under way until they are waited for: the bytes arrive then, not before.
void copy_async(void* to, const void* from, size_t bytes);
void copy_async_commit();
void copy_async_wait_groups(int groups);

template <int bytes, class T>
[[gnu::always_inline]] inline void copy_async(SharedPointer<T> to, GlobalPointer<const T> from) {
    static_assert(bytes == 4 || bytes == 8 || bytes == 16);
    const T* source = from.vector(Access::load, bytes);
    SG_SIM_RECORD(Space::global, Access::load, source, bytes);
    copy_async(to.vector(Access::store, bytes), source, bytes);
}
/// Zeros arrive if not `valid`; nothing is read then.
template <int bytes, class T>
[[gnu::always_inline]] inline void copy_async(SharedPointer<T> to, GlobalPointer<const T> from,
                                              bool valid) {
    if (valid)
        copy_async<bytes>(to, from);
    else
        copy_async(to.vector(Access::store, bytes), nullptr, bytes);
}
template <int groups>
void copy_async_wait() {
    copy_async_wait_groups(groups);
}

}  // namespace sim
}  // namespace sg
