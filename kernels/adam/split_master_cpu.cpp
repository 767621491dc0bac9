#include "kernels/adam/split_master.h"

namespace sg {

void split_master(CpuContext& context, const SplitArgs& args) {
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const SplitF32 halves = split_f32(args.values[i]);
            args.high[i].bits = halves.high.bits;
            args.low[i] = halves.low;
        }
    });
}

void join_master(CpuContext& context, const JoinArgs& args) {
    parallel_chunks(context, args.count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) args.values[i] = join_f32(args.high[i], args.low[i]);
    });
}

}  // namespace sg
