#pragma once

#include <atomic>

#include "kernels/sim/memory.h"

// Atomic operations on global and shared memory: blocks run on several threads of the processor.

namespace sg::sim {

/// Replaces *p by op(*p) in one step; returns what was there.
template <class T, class Op>
T atomic_update(T* p, const Op& op) {
    std::atomic_ref<T> value(*p);
    T old = value.load();
    while (!value.compare_exchange_weak(old, op(old))) {
    }
    return old;
}

#define SG_SIM_ATOMIC(name, expression)                                                 \
    template <template <class> class Pointer, class T>                                  \
    [[gnu::always_inline]] inline T name(Pointer<T> p, std::type_identity_t<T> value) { \
        T* address = p.address();                                                       \
        SG_SIM_RECORD(Pointer<T>::space, Access::atomic, address, sizeof(T));           \
        return atomic_update(address, [=](T old) { return T(expression); });            \
    }                                                                                   \
    template <class T>                                                                  \
    inline T name(T* p, std::type_identity_t<T> value) {                                \
        return atomic_update(p, [=](T old) { return T(expression); });                  \
    }
SG_SIM_ATOMIC(atomicAdd, old + value)
SG_SIM_ATOMIC(atomicMax, old < value ? value : old)
SG_SIM_ATOMIC(atomicMin, value < old ? value : old)
SG_SIM_ATOMIC(atomicExch, (void(old), value))
#undef SG_SIM_ATOMIC

template <class T>
T atomic_compare_and_swap(T* p, T expected, T value) {
    std::atomic_ref<T>(*p).compare_exchange_strong(expected, value);
    return expected;
}
template <template <class> class Pointer, class T>
[[gnu::always_inline]] inline T atomicCAS(Pointer<T> p, std::type_identity_t<T> expected,
                                          std::type_identity_t<T> value) {
    SG_SIM_RECORD(Pointer<T>::space, Access::atomic, p.address(), sizeof(T));
    return atomic_compare_and_swap(p.address(), expected, value);
}
template <class T>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
    return atomic_compare_and_swap(p, expected, value);
}

}  // namespace sg::sim
