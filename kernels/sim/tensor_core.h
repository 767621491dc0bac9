#pragma once

#include "kernels/sim/device_language.h"

// kernels/common/tensor_core.cuh on the simulated device.

namespace sg::sim {

void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                  Where where = Where::current());
void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                 Where where = Where::current());
unsigned to_tf32(float x);

/// `rows` are the 16 bytes at which this lane points.
void load_matrices(unsigned* r, int count, bool transposed, const void* row, const Where& where);

template <int count, bool transposed>
[[gnu::always_inline]] inline void load_matrices(unsigned (&r)[count],
                                                 SharedPointer<const bf16> row,
                                                 Where where = Where::current()) {
    static_assert(count == 1 || count == 2 || count == 4);
    const bf16* p = nullptr;
    if (current->lane() < 8 * count) {  // the other lanes' pointers are not used
        p = row.vector(Access::load, 16);
        SG_SIM_RECORD(Space::shared, Access::load, p, 16);
    }
    load_matrices(r, count, transposed, p, where);
}

}  // namespace sg::sim
