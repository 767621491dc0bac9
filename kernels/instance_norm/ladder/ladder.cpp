#include "kernels/instance_norm/ladder/ladder.h"

namespace sg {

std::span<const LadderVersion> instance_norm_forward_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "thread per plane", "the formula, one thread per image and channel"},
        {2, "block per plane", "256 threads share a plane and add up in shared memory"},
        {3, "shuffles", "a warp adds up in registers: two barriers instead of ten"},
        {4, "vectors", "a block takes 64 bytes of channels: whole sectors, 16 bytes per thread"},
        {5, "slab", "x is read once and kept in shared memory"},
        {6, "cluster", "several blocks hold a slab together and exchange their sums"},
        {7, "two kernels", "what does not fit on chip is read twice, the second time from L2"}};
    return versions;
}

std::span<const LadderVersion> instance_norm_backward_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "two kernels", "one adds up, the other reads again and applies"},
        {2, "slab", "grad_y and x are read once and kept in shared memory"},
        {3, "cluster", "several blocks hold the two slabs together and exchange their sums"}};
    return versions;
}

}  // namespace sg
