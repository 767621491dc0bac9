#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "kernels/sim/thread.h"

// Warp shuffles, votes and reductions. Every lane of the mask must arrive at the same call.

namespace sg::sim {

enum class Shuffle { index, up, down, exclusive_or };

/// Moves up to 16 bytes between lanes; throws if a lane reads one that does not take part.
void shuffle(Shuffle kind, uint32_t mask, void* value, size_t bytes, int argument, int width,
             const Where& where);

/// The ballot of `mask`: bit l is lane l's predicate.
uint32_t vote(const char* name, uint32_t mask, bool predicate, const Where& where);

template <class T>
T shuffled(Shuffle kind, uint32_t mask, T value, int argument, int width, const Where& where) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 16);
    shuffle(kind, mask, &value, sizeof(T), argument, width, where);
    return value;
}

template <class T>
T __shfl_sync(uint32_t mask, T value, int lane, int width = warp_size,
              Where where = Where::current()) {
    return shuffled(Shuffle::index, mask, value, lane, width, where);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta, int width = warp_size,
                 Where where = Where::current()) {
    return shuffled(Shuffle::up, mask, value, int(delta), width, where);
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta, int width = warp_size,
                   Where where = Where::current()) {
    return shuffled(Shuffle::down, mask, value, int(delta), width, where);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lane_mask, int width = warp_size,
                  Where where = Where::current()) {
    return shuffled(Shuffle::exclusive_or, mask, value, lane_mask, width, where);
}

inline void __syncwarp(uint32_t mask = 0xFFFFFFFFu, Where where = Where::current()) {
    warp_collective(
        "__syncwarp", mask, nullptr, [](Collective&) {}, where);
}

inline uint32_t __ballot_sync(uint32_t mask, int predicate, Where where = Where::current()) {
    return vote("__ballot_sync", mask, predicate != 0, where);
}
inline int __any_sync(uint32_t mask, int predicate, Where where = Where::current()) {
    return vote("__any_sync", mask, predicate != 0, where) != 0;
}
inline int __all_sync(uint32_t mask, int predicate, Where where = Where::current()) {
    return vote("__all_sync", mask, predicate != 0, where) == mask;
}

/// The fold of all lanes' values with `op`, in the order of lanes.
template <class T, class Op>
T warp_fold(const char* name, uint32_t mask, T value, Op, const Where& where) {
    const Combine combine = [](Collective& all) {
        T folded{};
        bool first = true;
        for (int l = 0; l < warp_size; ++l) {
            if (!(all.mask >> l & 1u)) continue;
            const T& operand = *static_cast<T*>(all.slots[l]);
            folded = first ? operand : Op{}(folded, operand);
            first = false;
        }
        for (int l = 0; l < warp_size; ++l)
            if (all.mask >> l & 1u) *static_cast<T*>(all.slots[l]) = folded;
    };
    warp_collective(name, mask, &value, combine, where);
    return value;
}

#define SG_SIM_REDUCE(name, T, expression)                                      \
    inline T name(uint32_t mask, T value, Where where = Where::current()) {     \
        return warp_fold(                                                       \
            #name, mask, value, [](T a, T b) { return T(expression); }, where); \
    }
SG_SIM_REDUCE(__reduce_add_sync, int, unsigned(a) + unsigned(b))  // wraps, as on the GPU
SG_SIM_REDUCE(__reduce_add_sync, unsigned, a + b)
SG_SIM_REDUCE(__reduce_min_sync, int, std::min(a, b))
SG_SIM_REDUCE(__reduce_min_sync, unsigned, std::min(a, b))
SG_SIM_REDUCE(__reduce_max_sync, int, std::max(a, b))
SG_SIM_REDUCE(__reduce_max_sync, unsigned, std::max(a, b))
SG_SIM_REDUCE(__reduce_and_sync, unsigned, a& b)
SG_SIM_REDUCE(__reduce_or_sync, unsigned, a | b)
SG_SIM_REDUCE(__reduce_xor_sync, unsigned, a ^ b)
#undef SG_SIM_REDUCE

}  // namespace sg::sim
