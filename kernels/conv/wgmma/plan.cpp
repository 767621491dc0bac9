#include <limits>

#include "kernels/common/piece.h"
#include "kernels/conv/gemm/plan.h"
#include "kernels/conv/wgmma/conv_wgmma.h"

namespace sg {

namespace {

constexpr int64_t rows = 128, depth_multiple = 64;
constexpr size_t shared_bytes = 198'000;  // of the largest tile's kernel, rounded up

/// A block with these columns: the part of the processor's rate that its products reach (shared
/// memory limits the narrow ones), to be replaced by measurements.
struct TileFacts {
    int columns;
    double efficiency;
};
constexpr TileFacts tile_facts[] = {{256, 0.75}, {128, 0.6}, {64, 0.35}};

/// Clocks of a launch, one block per processor at a time. What a block does before the first and
/// after the last product is not hidden by another block.
double model_clocks(const DeviceProperties& device, const ConvProduct& p, const TileFacts& t) {
    constexpr double rate = 2048, block_start = 1500, column_end = 10;
    const int64_t blocks = pieces_of(p.m, rows) * pieces_of(p.n, t.columns) * p.phases;
    const double products = double(rows * t.columns * p.depth);
    const double block = block_start + column_end * t.columns + products / (rate * t.efficiency);
    return double(pieces_of(blocks, device.processors)) * block;
}

}  // namespace

bool conv_wgmma_takes(const DeviceProperties& device, ConvPass pass, const ConvShape& s) {
    return device.architecture == 90 && device.shared_per_block >= shared_bytes &&
           pass != ConvPass::wgrad && s.C % depth_multiple == 0 && s.K % depth_multiple == 0;
}

WgmmaPlan conv_wgmma_plan(const DeviceProperties& device, ConvPass pass, const ConvShape& s) {
    const ConvProduct product = conv_product(pass, s);
    WgmmaPlan best{64, std::numeric_limits<double>::infinity()};
    for (const TileFacts& t : tile_facts) {
        if (product.n % t.columns != 0) continue;
        const double clocks = model_clocks(device, product, t);
        if (clocks < best.clocks) best = {t.columns, clocks};
    }
    return best;
}

bool conv_wgmma_chosen(const DeviceProperties& device, ConvPass pass, const ConvShape& s,
                       ConvWgmma wgmma) {
    if (wgmma == ConvWgmma::never || !conv_wgmma_takes(device, pass, s)) return false;
    if (wgmma == ConvWgmma::always) return true;
    return device.wgmma && conv_wgmma_plan(device, pass, s).clocks <
                               conv_plan(device, pass, s, ConvArithmetic::bf16).clocks;
}

}  // namespace sg
