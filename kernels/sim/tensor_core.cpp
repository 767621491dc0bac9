#include "kernels/sim/tensor_core.h"

#include <bit>

namespace sg::sim {

namespace {

/// Where register `r` of `lane` lies in each operand (kernels/common/tensor_core.cuh).
struct Place {
    int row, column;
};
Place of_sum(int lane, int r) {
    return {lane / 4 + r / 2 * 8, lane % 4 * 2 + r % 2};
}

struct Operands {
    float* d;
    const unsigned *a, *b;
};

struct Product {
    float a[16][16], b[16][8];
};

/// d += a b for all lanes: sums of k products in order, in f32.
void multiply(Collective& all, const Product& p, int k) {
    for (int lane = 0; lane < warp_size; ++lane) {
        float* d = static_cast<Operands*>(all.slots[lane])->d;
        for (int r = 0; r < 4; ++r) {
            const auto [row, column] = of_sum(lane, r);
            float sum = d[r];
            for (int i = 0; i < k; ++i) sum += p.a[row][i] * p.b[i][column];
            d[r] = sum;
        }
    }
}

float half_of(unsigned bits, int i) {
    return std::bit_cast<float>((i == 0 ? bits << 16 : bits & 0xFFFF0000u));
}

float tf32(unsigned bits) {
    return std::bit_cast<float>(bits & 0xFFFFE000u);  // the hardware ignores the other bits
}

void product_k16(Collective& all) {
    Product p;
    for (int lane = 0; lane < warp_size; ++lane) {
        const auto& in = *static_cast<Operands*>(all.slots[lane]);
        const int group = lane / 4, t = lane % 4;
        for (int i = 0; i < 2; ++i) {
            for (int r = 0; r < 4; ++r)
                p.a[group + r % 2 * 8][2 * t + i + r / 2 * 8] = half_of(in.a[r], i);
            for (int r = 0; r < 2; ++r) p.b[2 * t + i + 8 * r][group] = half_of(in.b[r], i);
        }
    }
    multiply(all, p, 16);
}

void product_k8(Collective& all) {
    Product p;
    for (int lane = 0; lane < warp_size; ++lane) {
        const auto& in = *static_cast<Operands*>(all.slots[lane]);
        const int group = lane / 4, t = lane % 4;
        for (int r = 0; r < 4; ++r) p.a[group + r % 2 * 8][t + r / 2 * 4] = tf32(in.a[r]);
        for (int r = 0; r < 2; ++r) p.b[t + 4 * r][group] = tf32(in.b[r]);
    }
    multiply(all, p, 8);
}

struct MatrixRow {
    unsigned* r;
    int count;
    bool transposed;
    const void* row;
};

void distribute(Collective& all) {
    const auto slot = [&](int lane) -> MatrixRow& {
        return *static_cast<MatrixRow*>(all.slots[lane]);
    };
    const auto element = [&](int matrix, int row, int column) {
        return static_cast<const uint16_t*>(slot(8 * matrix + row).row)[column];
    };
    for (int lane = 0; lane < warp_size; ++lane) {
        const MatrixRow& out = slot(lane);
        const int group = lane / 4, t = 2 * (lane % 4);
        for (int i = 0; i < out.count; ++i) {
            const unsigned low = out.transposed ? element(i, t, group) : element(i, group, t);
            const unsigned high =
                out.transposed ? element(i, t + 1, group) : element(i, group, t + 1);
            out.r[i] = low | high << 16;
        }
    }
}

}  // namespace

void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], Where where) {
    Operands operands{d, a, b};
    warp_collective("mma_m16n8k16", ~0u, &operands, product_k16, where);
}

void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], Where where) {
    Operands operands{d, a, b};
    warp_collective("mma_m16n8k8", ~0u, &operands, product_k8, where);
}

unsigned to_tf32(float x) {
    const unsigned bits = std::bit_cast<unsigned>(x);
    if ((bits & 0x7F800000u) == 0x7F800000u) return bits;  // infinite or NaN
    return (bits + 0x1000u) & 0xFFFFE000u;
}

void load_matrices(unsigned* r, int count, bool transposed, const void* row, const Where& where) {
    MatrixRow slot{r, count, transposed, row};
    warp_collective("load_matrices", ~0u, &slot, distribute, where);
}

}  // namespace sg::sim
