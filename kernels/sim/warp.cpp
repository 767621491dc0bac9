#include "kernels/sim/warp.h"

#include "kernels/common/error.h"

namespace sg::sim {

namespace {

struct Slot {
    Shuffle kind;
    std::byte value[16];  ///< in: this lane's, out: its source's
    int argument, width;
};

constexpr const char* names[] = {"__shfl_sync", "__shfl_up_sync", "__shfl_down_sync",
                                 "__shfl_xor_sync"};

/// The lane that `lane` reads, by the rules of PTX's shfl.sync: only the low five bits of the
/// argument count; segments of `width` lanes; a source outside of the segment is the lane itself,
/// except that `xor` may read an earlier segment and `index` wraps around.
int source_lane(const Slot& slot, int lane) {
    const int first = lane & ~(slot.width - 1), last = first + slot.width - 1;
    const int argument = slot.argument & (warp_size - 1);
    switch (slot.kind) {
        case Shuffle::index:
            return first | (argument & (slot.width - 1));
        case Shuffle::up:
            return lane - argument < first ? lane : lane - argument;
        case Shuffle::down:
            return lane + argument > last ? lane : lane + argument;
        case Shuffle::exclusive_or:
            return (lane ^ argument) > last ? lane : lane ^ argument;
    }
    return lane;
}

void exchange(Collective& all) {
    std::byte incoming[warp_size][16];
    for (int l = 0; l < warp_size; ++l) {
        if (!(all.mask >> l & 1u)) continue;
        const Slot& slot = *static_cast<Slot*>(all.slots[l]);
        const int source = source_lane(slot, l);
        if (!(all.mask >> source & 1u))
            fail(all.lanes[l], fmt::format("{} ({}) reads lane {}, which is not among the lanes "
                                           "{:#010x} that take part",
                                           all.name, describe(all.where), source, all.mask));
        std::memcpy(incoming[l], static_cast<Slot*>(all.slots[source])->value, 16);
    }
    for (int l = 0; l < warp_size; ++l)
        if (all.mask >> l & 1u)
            std::memcpy(static_cast<Slot*>(all.slots[l])->value, incoming[l], 16);
}

}  // namespace

void shuffle(Shuffle kind, uint32_t mask, void* value, size_t bytes, int argument, int width,
             const Where& where) {
    if (width < 1 || width > warp_size || !std::has_single_bit(unsigned(width)))
        fail(*current, fmt::format("{} ({}) has width {}; it must be 1, 2, 4, 8, 16 or 32",
                                   names[int(kind)], describe(where), width));
    Slot slot{.kind = kind, .value = {}, .argument = argument, .width = width};
    std::memcpy(slot.value, value, bytes);
    warp_collective(names[int(kind)], mask, &slot, exchange, where);
    std::memcpy(value, slot.value, bytes);
}

uint32_t vote(const char* name, uint32_t mask, bool predicate, const Where& where) {
    struct Ballot {
        bool predicate;
        uint32_t result;
    } ballot{predicate, 0};
    const Combine combine = [](Collective& all) {
        uint32_t result = 0;
        for (int l = 0; l < warp_size; ++l)
            if (all.mask >> l & 1u)
                result |= uint32_t(static_cast<Ballot*>(all.slots[l])->predicate) << l;
        for (int l = 0; l < warp_size; ++l)
            if (all.mask >> l & 1u) static_cast<Ballot*>(all.slots[l])->result = result;
    };
    warp_collective(name, mask, &ballot, combine, where);
    return ballot.result;
}

}  // namespace sg::sim
