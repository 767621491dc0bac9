#include "kernels/conv/onednn/cache.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "kernels/conv/onednn/thread_count.h"

namespace sg {

using dnnl::memory;

namespace {

memory::dims input_dims(const ConvShape& s) {
    return {s.N, s.C, s.H, s.W};
}
memory::dims weight_dims(const ConvShape& s) {
    return {s.K, s.C, s.R, s.S};
}
memory::dims output_dims(const ConvShape& s) {
    return {s.N, s.K, s.P(), s.Q()};
}

// oneDNN 2 describes an operation first and asks for an implementation second; oneDNN 3 does both
// in one constructor. The three functions below are the only place that knows.
struct Problem {
    memory::desc x, w, y, bias;
    memory::dims stride, pad;
    dnnl::primitive_attr attr;
};

auto forward_desc(const dnnl::engine& engine, const Problem& p) {
    using dnnl::convolution_forward;
    constexpr auto kind = dnnl::prop_kind::forward_training;
    constexpr auto algorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
    return convolution_forward::primitive_desc(engine, kind, algorithm, p.x, p.w, p.bias, p.y,
                                               p.stride, p.pad, p.pad, p.attr);
#else
    const bool bias = p.bias.data.ndims != 0;
    const auto desc =
        bias ? convolution_forward::desc(kind, algorithm, p.x, p.w, p.bias, p.y, p.stride, p.pad,
                                         p.pad)
             : convolution_forward::desc(kind, algorithm, p.x, p.w, p.y, p.stride, p.pad, p.pad);
    return convolution_forward::primitive_desc(desc, p.attr, engine);
#endif
}

auto dgrad_desc(const dnnl::engine& engine, const Problem& p,
                const dnnl::convolution_forward::primitive_desc& hint) {
    using dnnl::convolution_backward_data;
    constexpr auto algorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
    return convolution_backward_data::primitive_desc(engine, algorithm, p.x, p.w, p.y, p.stride,
                                                     p.pad, p.pad, hint, p.attr);
#else
    const convolution_backward_data::desc desc(algorithm, p.x, p.w, p.y, p.stride, p.pad, p.pad);
    return convolution_backward_data::primitive_desc(desc, p.attr, engine, hint);
#endif
}

auto wgrad_desc(const dnnl::engine& engine, const Problem& p,
                const dnnl::convolution_forward::primitive_desc& hint) {
    using dnnl::convolution_backward_weights;
    constexpr auto algorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
    return convolution_backward_weights::primitive_desc(engine, algorithm, p.x, p.w, p.y, p.stride,
                                                        p.pad, p.pad, hint, p.attr);
#else
    const convolution_backward_weights::desc desc(algorithm, p.x, p.w, p.y, p.stride, p.pad, p.pad);
    return convolution_backward_weights::primitive_desc(desc, p.attr, engine, hint);
#endif
}

dnnl::post_ops leaky_relu(float slope) {
    dnnl::post_ops ops;
    constexpr auto relu = dnnl::algorithm::eltwise_relu;
#if DNNL_VERSION_MAJOR >= 3
    ops.append_eltwise(relu, slope, 0);
#else
    ops.append_eltwise(1, relu, slope, 0);
#endif
    return ops;
}

ConvPrimitive build(const dnnl::engine& engine, ConvPass pass, const ConvShape& s,
                    memory::data_type in, memory::data_type out, bool bias, float slope) {
    using tag = memory::format_tag;
    // In dgrad the output is x, in forward y; wgrad writes f32 weights and reads both.
    const auto x_type = pass == ConvPass::dgrad ? out : in;
    const auto y_type = pass == ConvPass::forward ? out : in;
    const auto w_type = pass == ConvPass::wgrad ? memory::data_type::f32 : in;
    Problem p{.x = memory::desc(input_dims(s), x_type, tag::nhwc),
              .w = memory::desc(weight_dims(s), w_type, tag::any),
              .y = memory::desc(output_dims(s), y_type, tag::nhwc),
              .bias = bias ? memory::desc({s.K}, memory::data_type::f32, tag::a) : memory::desc(),
              .stride = {s.stride, s.stride},
              .pad = {s.pad, s.pad},
              .attr = {}};
    p.attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (slope != 1) p.attr.set_post_ops(leaky_relu(slope));
    ConvPrimitive result;
    result.x = p.x;
    result.y = p.y;
    const auto finish = [&](const auto& desc, const memory::desc& weights) {
        result.weights = weights;
        result.scratchpad = desc.scratchpad_desc();
    };
    if (pass == ConvPass::forward) {
        const auto desc = forward_desc(engine, p);
        finish(desc, desc.weights_desc());
        result.primitive = dnnl::convolution_forward(desc);
        return result;
    }
    Problem hint_problem = p;  // the hint is the plain forward pass in one data type
    hint_problem.x = memory::desc(input_dims(s), in, tag::nhwc);
    hint_problem.w = memory::desc(weight_dims(s), in, tag::any);
    const auto hint = forward_desc(engine, hint_problem);
    if (pass == ConvPass::dgrad) {
        const auto desc = dgrad_desc(engine, p, hint);
        finish(desc, desc.weights_desc());
        result.primitive = dnnl::convolution_backward_data(desc);
    } else {
        const auto desc = wgrad_desc(engine, p, hint);
        finish(desc, desc.diff_weights_desc());
        result.primitive = dnnl::convolution_backward_weights(desc);
    }
    return result;
}

}  // namespace

memory::desc plain_weights_desc(const ConvShape& shape) {
    return {weight_dims(shape), memory::data_type::f32, memory::format_tag::ohwi};
}

OnednnCache::OnednnCache() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

const ConvPrimitive& OnednnCache::primitive(ConvPass pass, const ConvShape& s, memory::data_type in,
                                            memory::data_type out, bool bias, float slope,
                                            int threads) {
    const ShapeKey key{int(pass), s.N,   s.H,     s.W,      s.C,  s.K,   s.R,    s.S,
                       s.stride,  s.pad, int(in), int(out), bias, slope, threads};
    auto& slot = primitives_[key];
    if (!slot) {
        const ThreadCountGuard guard(threads);
        try {
            slot = std::make_unique<ConvPrimitive>(build(engine_, pass, s, in, out, bias, slope));
        } catch (const dnnl::error& error) {
            primitives_.erase(key);
            const bool bf16 = in == memory::data_type::bf16;
            throw Error("conv",
                        fmt::format("oneDNN has no {} kernel for {} on this processor ({})",
                                    bf16 ? "bf16" : "f32", to_string(s), error.what()),
                        bf16 ? "use --precision f32" : "");
        }
    }
    return *slot;
}

memory OnednnCache::weights(const ConvPrimitive& primitive, const ConvShape& shape, const float* w,
                            uint64_t version) {
    // One copy per layout: primitives for other batches, and often other passes, want the same.
    std::vector<LaidOut>& copies = weights_[version ? w : nullptr];
    auto found = std::find_if(copies.begin(), copies.end(), [&](const LaidOut& copy) {
        return copy.memory.get_desc() == primitive.weights;
    });
    if (found == copies.end())
        found = copies.insert(found, LaidOut{0, memory(primitive.weights, engine_)});
    LaidOut& entry = *found;
    if (version && entry.version == version) return entry.memory;
    memory plain(plain_weights_desc(shape), engine_, const_cast<float*>(w));
    dnnl::reorder(plain, entry.memory).execute(stream_, plain, entry.memory);
    stream_.wait();
    entry.version = version;
    return entry.memory;
}

void OnednnCache::reserve_scratchpads(const ConvPrimitive& primitive, int count) {
    if (int(scratch_.size()) < count) scratch_.resize(count);
    for (int i = 0; i < count; ++i)
        if (scratch_[i].size() < primitive.scratchpad.get_size())
            scratch_[i].resize(primitive.scratchpad.get_size());
}

memory OnednnCache::scratchpad(const ConvPrimitive& primitive, int slot) {
    return {primitive.scratchpad, engine_, scratch_[slot].data()};
}

}  // namespace sg
