#include "kernels/conv/ladder/ladder.h"

namespace sg {

namespace {

/// Without the last row as long as production is not part of the ladder.
template <size_t count>
std::span<const LadderVersion> shown(const LadderVersion (&versions)[count]) {
    return {versions, conv_ladder_production ? count : count - 1};
}

}  // namespace

std::span<const LadderVersion> conv_forward_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "direct", "the formula, one thread per element of y"},
        {2, "shared tile", "8x8 pixels of 16 filters share a patch of x and the weights"},
        {3, "implicit GEMM", "a product of matrices; x's is gathered and never stored"},
        {4, "register tile", "64 results per thread: 16 values read for 64 multiplications"},
        {5, "tensor cores", "a warp multiplies 16x16x8 bf16 at once, from swizzled shared memory"},
        {6, "pipelined", "the next tiles arrive while this one is multiplied"}};
    return shown(versions);
}

std::span<const LadderVersion> conv_dgrad_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "direct", "the formula, one thread per element of grad_x"},
        {2, "pipelined", "version 6 of the forward pass, one product per phase of the stride"}};
    return shown(versions);
}

std::span<const LadderVersion> conv_wgrad_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "direct", "the formula, one thread per element of grad_w"},
        {2, "pipelined", "version 6 of the forward pass, the sum over pixels split over blocks"}};
    return shown(versions);
}

std::span<const LadderVersion> conv_ladder(ConvPass pass) {
    switch (pass) {
        case ConvPass::forward:
            return conv_forward_ladder();
        case ConvPass::dgrad:
            return conv_dgrad_ladder();
        case ConvPass::wgrad:
            break;
    }
    return conv_wgrad_ladder();
}

template <class T>
int64_t conv_version_workspace([[maybe_unused]] const DeviceProperties& device,
                               [[maybe_unused]] ConvPass pass, [[maybe_unused]] int version,
                               [[maybe_unused]] const ConvShape& shape) {
    if constexpr (conv_ladder_production)
        if (version >= (pass == ConvPass::forward ? 6 : 2))
            return conv_workspace<T>(device, pass, shape);
    return 0;
}

template int64_t conv_version_workspace<float>(const DeviceProperties&, ConvPass, int,
                                               const ConvShape&);
template int64_t conv_version_workspace<bf16>(const DeviceProperties&, ConvPass, int,
                                              const ConvShape&);

}  // namespace sg
