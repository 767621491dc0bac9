#pragma once

// Products of small matrices by one warp, on tensor cores on the GPU and by loops of the same
// operand layout on the simulated device (PTX ISA, "Warp Level Matrix Multiply-Accumulate").
// All 32 lanes must call. With group = lane / 4 and t = lane % 4, lane holds of
//
//   mma_m16n8k16  d[16][8] += a[16][16] b[16][8], bf16 operands (two per register), f32 sums
//     a[0]: rows group,     columns 2t, 2t+1     b[0]: rows 2t, 2t+1,     column group
//     a[1]: rows group + 8, columns 2t, 2t+1     b[1]: rows 2t+8, 2t+9,   column group
//     a[2]: rows group,     columns 2t+8, 2t+9   d[0], d[1]: row group,     columns 2t, 2t+1
//     a[3]: rows group + 8, columns 2t+8, 2t+9   d[2], d[3]: row group + 8, columns 2t, 2t+1
//
//   mma_m16n8k8   d[16][8] += a[16][8] b[8][8], tf32 operands (f32 registers; see to_tf32)
//     a[0]: (group, t)      a[2]: (group, t+4)       b[0]: (t, group)     d as above
//     a[1]: (group+8, t)    a[3]: (group+8, t+4)     b[1]: (t+4, group)
//
//   load_matrices<count, transposed>(r, row): `count` (1, 2 or 4) matrices of 8 x 8 bf16 from
//     shared memory (ldmatrix). Lanes 8i .. 8i+7 point at the rows of matrix i, 16 bytes each and
//     aligned to that; r[i] gets elements (group, 2t) and (group, 2t+1) of matrix i, or with
//     `transposed` elements (2t, group) and (2t+1, group).

#include "kernels/common/device.cuh"

#ifdef __CUDACC__
#include "kernels/cuda/tensor_core.cuh"
#else
#include "kernels/sim/tensor_core.h"
#endif

namespace sg {

/// Two bf16 in one register, the first in the low half.
__device__ inline unsigned pack(bf16 low, bf16 high) {
    return unsigned(low.bits) | unsigned(high.bits) << 16;
}

}  // namespace sg
