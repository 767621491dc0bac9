#include "kernels/conv/conv_cache.h"
#include "kernels/conv/onednn/conv_onednn.h"

namespace sg {

namespace {

template <class T>
float* widen(CpuContext& context, const T* values, int64_t count, ConvCache::Buffer buffer) {
    auto* out =
        static_cast<float*>(context.conv_cache().workspace(size_t(count) * sizeof(float), buffer));
    parallel_chunks(context, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = float(values[i]);
    });
    return out;
}

/// run(sums) leaves unrounded results, which become `out`.
template <class Out, class Run>
void rounded_to(CpuContext& context, int64_t count, Out* out, const Run& run) {
    if constexpr (std::is_same_v<Out, float>) {
        run(out);
    } else {
        auto* sums = static_cast<float*>(context.conv_cache().workspace(
            size_t(count) * sizeof(float), ConvCache::Buffer::result));
        run(sums);
        parallel_chunks(context, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) store(out[i], sums[i]);
        });
    }
}

const float* rounded_weights(CpuContext& context, const float* w, int64_t count, uint64_t version) {
    return context.conv_cache().rounded(w, version, [&](std::vector<float>& memory) {
        memory.resize(size_t(count));
        parallel_chunks(context, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) memory[size_t(i)] = bf16(w[i]);
        });
    });
}

}  // namespace

template <class Out>
void widened_conv_forward(CpuContext& context, const ConvForwardArgs<bf16, Out>& args) {
    const ConvShape& s = args.shape;
    const float* x = widen(context, args.x, s.x_size(), ConvCache::Buffer::operand);
    const float* w = rounded_weights(context, args.w, s.w_size(), args.weight_version);
    const ConvEpilogue<float> epilogue{.bias = args.epilogue.bias, .slope = args.epilogue.slope};
    rounded_to(context, s.y_size(), args.y, [&](float* y) {
        onednn_conv_forward(context, ConvForwardArgs<float>{.shape = s,
                                                            .x = x,
                                                            .w = w,
                                                            .epilogue = epilogue,
                                                            .y = y,
                                                            .weight_version = args.weight_version});
    });
}

template <class Out>
void widened_conv_dgrad(CpuContext& context, const ConvDgradArgs<bf16, Out>& args) {
    const ConvShape& s = args.shape;
    const float* grad_y = widen(context, args.grad_y, s.y_size(), ConvCache::Buffer::operand);
    const float* w = rounded_weights(context, args.w, s.w_size(), args.weight_version);
    rounded_to(context, s.x_size(), args.grad_x, [&](float* grad_x) {
        onednn_conv_dgrad(context, ConvDgradArgs<float>{.shape = s,
                                                        .grad_y = grad_y,
                                                        .w = w,
                                                        .grad_x = grad_x,
                                                        .weight_version = args.weight_version});
    });
}

#define SG_INSTANTIATE(Out)                                                             \
    template void widened_conv_forward(CpuContext&, const ConvForwardArgs<bf16, Out>&); \
    template void widened_conv_dgrad(CpuContext&, const ConvDgradArgs<bf16, Out>&);
SG_INSTANTIATE(bf16)
SG_INSTANTIATE(float)

}  // namespace sg
