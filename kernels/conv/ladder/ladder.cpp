#include "kernels/conv/ladder/ladder.h"

namespace sg {

std::span<const LadderVersion> conv_forward_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "direct", "the formula, one thread per element of y"},
        {2, "shared tile", "8x8 pixels of 16 filters share a patch of x and the weights"},
        {3, "implicit GEMM", "a product of matrices; x's is gathered and never stored"},
        {4, "register tile", "64 results per thread: 16 values read for 64 multiplications"},
        {5, "tensor cores", "a warp multiplies 16x16x8 bf16 at once, from swizzled shared memory"},
        {6, "pipelined", "the next tiles arrive while this one is multiplied"},
        {7, "wgmma", "Hopper: four warps multiply 64x256x16 from shared memory, others copy"}};
    return versions;
}

std::span<const LadderVersion> conv_dgrad_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "direct", "the formula, one thread per element of grad_x"},
        {2, "pipelined", "version 6 of the forward pass, one product per phase of the stride"},
        {3, "wgmma", "version 7 of the forward pass, likewise"}};
    return versions;
}

std::span<const LadderVersion> conv_wgrad_ladder() {
    static constexpr LadderVersion versions[] = {
        {1, "direct", "the formula, one thread per element of grad_w"},
        {2, "pipelined", "version 6 of the forward pass, the sum over pixels split over blocks"}};
    return versions;
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
int64_t conv_version_workspace(const DeviceProperties& device, ConvPass pass, int version,
                               const ConvShape& shape, ConvMath math) {
    const bool production = version >= (pass == ConvPass::forward ? 6 : 2);
    return production ? conv_workspace<T>(device, pass, shape, math) : 0;
}

template int64_t conv_version_workspace<float>(const DeviceProperties&, ConvPass, int,
                                               const ConvShape&, ConvMath);
template int64_t conv_version_workspace<bf16>(const DeviceProperties&, ConvPass, int,
                                              const ConvShape&, ConvMath);

}  // namespace sg
