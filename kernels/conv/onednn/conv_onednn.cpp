#include "kernels/conv/onednn/conv_onednn.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <unordered_map>

#include "kernels/conv/conv_cache.h"
#include "kernels/conv/onednn/cache.h"

namespace sg {

using dnnl::memory;

namespace {

template <class T>
constexpr memory::data_type type_of =
    std::is_same_v<T, bf16> ? memory::data_type::bf16 : memory::data_type::f32;

// Images per slice of wgrad's batch. A function of the shape alone, so that sums do not depend on
// the thread count: up to 8 slices, but none below 16 MFLOP (not worth a task) and no more than fit
// 64 M elements of partial sums in all.
int64_t wgrad_slice(const ConvShape& s) {
    constexpr int64_t max_slices = 8, min_flops = 16'000'000, max_elements = int64_t{64} << 20;
    const int64_t flops = 2 * s.y_size() * s.R * s.S * s.C;
    const int64_t slices =
        std::clamp<int64_t>(std::min(flops / min_flops, max_elements / s.w_size()), 1, max_slices);
    return (s.N + slices - 1) / slices;
}

/// Runs one fprop or dgrad primitive on all threads; bits do not depend on how many (tested).
void run(CpuContext& context, const ConvPrimitive& primitive,
         std::unordered_map<int, memory> arguments) {
    OnednnCache& cache = context.conv_cache().onednn();
    if (omp_get_max_threads() != context.threads()) omp_set_num_threads(context.threads());
    cache.reserve_scratchpads(primitive, 1);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, cache.scratchpad(primitive, 0));
    primitive.primitive.execute(cache.stream(), arguments);
    cache.stream().wait();
}

template <class T>
T* mutable_pointer(const T* pointer) {
    return const_cast<T*>(pointer);  // oneDNN's memory objects are not const-correct
}

}  // namespace

template <class T, class Out>
void onednn_conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    OnednnCache& cache = context.conv_cache().onednn();
    const float* bias = args.epilogue.bias;
    const auto& p = cache.primitive(ConvPass::forward, args.shape, type_of<T>, type_of<Out>,
                                    bias != nullptr, args.epilogue.slope, context.threads());
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, memory(p.x, cache.engine(), mutable_pointer(args.x))},
        {DNNL_ARG_WEIGHTS, cache.weights(p, args.shape, args.w, args.weight_version)},
        {DNNL_ARG_DST, memory(p.y, cache.engine(), args.y)}};
    if (bias) {
        const memory::desc desc({args.shape.K}, memory::data_type::f32, memory::format_tag::a);
        arguments.emplace(DNNL_ARG_BIAS, memory(desc, cache.engine(), mutable_pointer(bias)));
    }
    run(context, p, std::move(arguments));
}

template <class T, class Out>
void onednn_conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    OnednnCache& cache = context.conv_cache().onednn();
    const auto& p = cache.primitive(ConvPass::dgrad, args.shape, type_of<T>, type_of<Out>, false, 1,
                                    context.threads());
    run(context, p,
        {{DNNL_ARG_DIFF_DST, memory(p.y, cache.engine(), mutable_pointer(args.grad_y))},
         {DNNL_ARG_WEIGHTS, cache.weights(p, args.shape, args.w, args.weight_version)},
         {DNNL_ARG_DIFF_SRC, memory(p.x, cache.engine(), args.grad_x)}});
}

template <class T>
void onednn_conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    // oneDNN splits this reduction by the number of threads, which would make the bits depend on
    // it. Instead, each slice of the batch is summed by a single-threaded primitive, the slices
    // run side by side, and their results are added in slice order.
    OnednnCache& cache = context.conv_cache().onednn();
    const ConvShape& shape = args.shape;
    const int64_t slice = wgrad_slice(shape), slices = (shape.N + slice - 1) / slice;
    const auto build = [&](int64_t batch) -> const ConvPrimitive& {
        ConvShape part = shape;
        part.N = batch;
        return cache.primitive(ConvPass::wgrad, part, type_of<T>, type_of<T>, false, 1, 1);
    };
    const ConvPrimitive& full = build(slice);
    const ConvPrimitive& last = build(shape.N - slice * (slices - 1));
    const size_t bytes = std::max(full.weights.get_size(), last.weights.get_size());
    const size_t partial = (bytes + 63) / 64 * 64 / sizeof(float);
    auto* partials = static_cast<float*>(
        context.conv_cache().workspace(partial * sizeof(float) * slices, ConvCache::Buffer::sums));
    cache.reserve_scratchpads(full, int(slices));
    cache.reserve_scratchpads(last, int(slices));
    memory plain(plain_weights_desc(shape), cache.engine(), args.grad_w);

    parallel_for(context, slices, [&](int64_t i) {
        const ConvPrimitive& p = i + 1 < slices ? full : last;
        const T* x = args.x + i * slice * shape.H * shape.W * shape.C;
        const T* grad_y = args.grad_y + i * slice * shape.P() * shape.Q() * shape.K;
        dnnl::stream stream(cache.engine());
        p.primitive.execute(
            stream,
            {{DNNL_ARG_SRC, memory(p.x, cache.engine(), mutable_pointer(x))},
             {DNNL_ARG_DIFF_DST, memory(p.y, cache.engine(), mutable_pointer(grad_y))},
             {DNNL_ARG_DIFF_WEIGHTS, memory(p.weights, cache.engine(), partials + i * partial)},
             {DNNL_ARG_SCRATCHPAD, cache.scratchpad(p, int(i))}});
        stream.wait();
    });
    // Both primitives chose the same layout, except in rare cases where the sum must be formed in
    // the plain one.
    if (slices > 1 && full.weights != last.weights) {
        memory odd(last.weights, cache.engine(), partials + (slices - 1) * partial);
        memory same(full.weights, cache.engine());
        dnnl::reorder(odd, same).execute(cache.stream(), odd, same);
        cache.stream().wait();
        std::memcpy(partials + (slices - 1) * partial, same.get_data_handle(),
                    full.weights.get_size());
    }
    parallel_chunks(context, int64_t(full.weights.get_size() / sizeof(float)),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t i = 1; i < slices; ++i)
                            for (int64_t e = begin; e < end; ++e)
                                partials[e] += partials[i * partial + e];
                    });
    memory sum(full.weights, cache.engine(), partials);
    dnnl::reorder(sum, plain).execute(cache.stream(), sum, plain);
    cache.stream().wait();
}

#define SG_INSTANTIATE(T, Out)                                                      \
    template void onednn_conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void onednn_conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)
template void onednn_conv_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void onednn_conv_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);

}  // namespace sg
