#include "kernels/conv/gemm/plan.h"

#include <algorithm>
#include <limits>

#include "kernels/common/piece.h"
#include "kernels/conv/check.h"
#include "kernels/conv/narrow.h"

namespace sg {

ConvProduct conv_product(ConvPass pass, const ConvShape& s) {
    const int64_t taps = s.R * s.S, pixels = s.N * s.P() * s.Q();
    const auto up = [&](int64_t extent) { return pieces_of(extent, s.stride); };
    switch (pass) {
        case ConvPass::forward:
            return {.m = pixels, .n = s.K, .depth = taps * s.C};
        case ConvPass::dgrad:
            return {.m = s.N * up(s.H) * up(s.W),
                    .n = s.C,
                    .depth = up(s.R) * up(s.S) * s.K,
                    .phases = int(std::min(s.stride, s.H) * std::min(s.stride, s.W))};
        case ConvPass::wgrad:
            break;
    }
    return {.m = s.K, .n = taps * s.C, .depth = pixels};
}

bool conv_vectors(ConvPass pass, const ConvShape& s, ConvArithmetic arithmetic) {
    const int64_t v = arithmetic == ConvArithmetic::bf16 ? 8 : 4;
    return s.C % v == 0 && (pass == ConvPass::forward || s.K % v == 0);
}

namespace {

/// A tile's extents, how many blocks with it a processor holds, and the part of the processor's
/// rate that they reach together.
struct TileFacts {
    ConvTile tile;
    int m, n, blocks;
    double efficiency;
};

// The efficiencies order the tiles by how often a number in shared memory is used; measurements on
// a GPU shall replace them.
constexpr TileFacts tile_facts[] = {{ConvTile::large, 128, 128, 2, 0.8},
                                    {ConvTile::tall, 128, 64, 3, 0.7},
                                    {ConvTile::small, 64, 64, 4, 0.6},
                                    {ConvTile::thin, 64, 16, 8, 0.4}};

bool available(ConvTile tile, ConvArithmetic arithmetic, bool vectors) {
    if (!vectors) return tile == element_tile(arithmetic);
    if (tile == ConvTile::tall) return arithmetic == ConvArithmetic::bf16;
    return tile != ConvTile::thin || arithmetic == ConvArithmetic::f32;
}

/// Multiply-adds of one processor per clock (Hopper; the ratios are alike elsewhere).
double rate(ConvArithmetic arithmetic) {
    return arithmetic == ConvArithmetic::bf16   ? 1200
           : arithmetic == ConvArithmetic::tf32 ? 600
                                                : 90;
}

/// Clocks for the product with this tile and so many shares of its depth: rounds of blocks on all
/// processors, each block with a start and an end, and the pass that adds the shares.
double model_clocks(const DeviceProperties& device, const ConvProduct& p, const TileFacts& t,
                    int64_t shares, ConvArithmetic arithmetic) {
    constexpr double bytes_per_clock = 2400, launch = 5000, block_overhead = 1500;
    const int64_t tiles = pieces_of(p.m, t.m) * pieces_of(p.n, t.n) * p.phases * shares;
    const int64_t depth = pieces_of(p.depth, shares);
    const double block = block_overhead + double(t.m) * t.n * double(depth) * t.blocks /
                                              (rate(arithmetic) * t.efficiency);
    const int64_t rounds = pieces_of(tiles, int64_t(device.processors) * t.blocks);
    const double result = double(p.m * p.n * p.phases) * 4;
    return double(rounds) * block +
           (shares > 1 ? launch + result * double(2 * shares + 1) / bytes_per_clock : 0);
}

}  // namespace

ConvPlan conv_plan(const DeviceProperties& device, ConvPass pass, const ConvShape& shape,
                   ConvArithmetic arithmetic) {
    constexpr int64_t most_shares = 64;
    constexpr double most_partials = 64 << 20;  // floats
    const ConvProduct p = conv_product(pass, shape);
    const int64_t depth_tiles = pieces_of(p.depth, conv_tile_depth(arithmetic));
    const bool vectors = conv_vectors(pass, shape, arithmetic);
    ConvPlan best{element_tile(arithmetic), 1};
    best.clocks = std::numeric_limits<double>::infinity();
    for (TileFacts t : tile_facts) {
        if (!available(t.tile, arithmetic, vectors)) continue;
        if (pass == ConvPass::wgrad && t.tile == ConvTile::thin) std::swap(t.m, t.n);
        for (int64_t shares = 1; shares <= std::min(most_shares, depth_tiles); shares *= 2) {
            if (shares > 1 && double(shares * p.m * p.n * p.phases) > most_partials) break;
            const double clocks = model_clocks(device, p, t, shares, arithmetic);
            if (clocks < best.clocks) best = {t.tile, int(shares), clocks};
        }
    }
    // Whole tiles of depth for everyone, and nobody without.
    const int64_t share = pieces_of(depth_tiles, best.shares);
    best.shares = int(pieces_of(depth_tiles, share));
    return best;
}

template <class T>
int64_t conv_workspace(const DeviceProperties& device, ConvPass pass, const ConvShape& s,
                       ConvMath math) {
    check_conv_extents(pass, s);
    if (sizeof(T) == sizeof(bf16))
        if (const auto conv = narrow_conv(s))
            return pass == ConvPass::wgrad ? narrow_wgrad_workspace(device, *conv) : 0;
    const ConvPlan plan = conv_plan(device, pass, s, conv_arithmetic<T>(math));
    const int64_t result = pass == ConvPass::forward ? s.y_size()
                           : pass == ConvPass::dgrad ? s.x_size()
                                                     : s.w_size();
    return plan.shares > 1 ? plan.shares * result : 0;
}
template int64_t conv_workspace<float>(const DeviceProperties&, ConvPass, const ConvShape&,
                                       ConvMath);
template int64_t conv_workspace<bf16>(const DeviceProperties&, ConvPass, const ConvShape&,
                                      ConvMath);

}  // namespace sg
