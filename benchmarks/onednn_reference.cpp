#include "benchmarks/onednn_reference.h"

#include "kernels/common/processor.h"

#ifndef SG_ONEDNN_ENABLED

namespace sg {

KernelReference onednn_reference(const CpuContext&, const LibraryCall&,
                                 const std::function<LibraryOperands()>&) {
    return {.name = "oneDNN", .missing = "this build was configured without it"};
}

}  // namespace sg

#else

#include <memory>
#include <string>
#include <unordered_map>

#include <dnnl.hpp>

#include "kernels/common/error.h"
#include "kernels/conv/onednn/thread_count.h"

namespace sg {

namespace {

using dnnl::algorithm, dnnl::memory, dnnl::primitive, dnnl::prop_kind;

/// A primitive, and how its operands lie. `z` is empty where there is one operand.
struct Built {
    primitive run;
    memory::desc x, z, y;
    int x_name = DNNL_ARG_SRC, z_name = DNNL_ARG_SRC_1, y_name = DNNL_ARG_DST;
};

// oneDNN 2 describes an operation first and asks for an implementation second; oneDNN 3 does both
// in one constructor. The functions below are the only place here that knows.
template <class Primitive, class... Details>
auto described(const dnnl::engine& engine, const Details&... details) {
#if DNNL_VERSION_MAJOR >= 3
    return typename Primitive::primitive_desc(engine, details...);
#else
    return typename Primitive::primitive_desc(typename Primitive::desc(details...), engine);
#endif
}
/// Of a backward primitive, which wants to know the forward one.
template <class Primitive, class Hint, class... Details>
auto described_after(const Hint& hint, const dnnl::engine& engine, const Details&... details) {
#if DNNL_VERSION_MAJOR >= 3
    return typename Primitive::primitive_desc(engine, details..., hint);
#else
    return typename Primitive::primitive_desc(typename Primitive::desc(details...), engine, hint);
#endif
}
auto elementwise(const dnnl::engine& engine, algorithm what, const memory::desc& d, float a) {
    constexpr auto kind = prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
    return described<dnnl::eltwise_forward>(engine, kind, what, d, d, a, 0.0f);
#else
    return described<dnnl::eltwise_forward>(engine, kind, what, d, a, 0.0f);
#endif
}
auto elementwise_backward(const dnnl::engine& engine, algorithm what, const memory::desc& d,
                          float a) {
    const auto forward = elementwise(engine, what, d, a);
#if DNNL_VERSION_MAJOR >= 3
    return described_after<dnnl::eltwise_backward>(forward, engine, what, d, d, d, a, 0.0f);
#else
    return described_after<dnnl::eltwise_backward>(forward, engine, what, d, d, a, 0.0f);
#endif
}

Built build_elementwise(const dnnl::engine& engine, const LibraryCall& c, memory::data_type type) {
    const memory::desc all({c.size()}, type, memory::format_tag::a);
    const auto relu = algorithm::eltwise_relu;
    switch (c.op) {
        case LibraryOp::leaky_relu:
            return {dnnl::eltwise_forward(elementwise(engine, relu, all, c.slope)), all, {}, all};
        case LibraryOp::tanh:
            return {dnnl::eltwise_forward(elementwise(engine, algorithm::eltwise_tanh, all, 0)),
                    all,
                    {},
                    all};
        case LibraryOp::leaky_relu_backward:
            return {dnnl::eltwise_backward(elementwise_backward(engine, relu, all, c.slope)),
                    all,
                    all,
                    all,
                    DNNL_ARG_DIFF_DST,
                    DNNL_ARG_SRC,
                    DNNL_ARG_DIFF_SRC};
        default:
            return {
                dnnl::binary(described<dnnl::binary>(engine, algorithm::binary_add, all, all, all)),
                all, all, all, DNNL_ARG_SRC_0};
    }
}

Built build_reorder(const dnnl::engine& engine, const memory::desc& x, const memory::desc& y) {
    return {dnnl::reorder(dnnl::reorder::primitive_desc(engine, x, engine, y)),
            x,
            {},
            y,
            DNNL_ARG_FROM,
            0,
            DNNL_ARG_TO};
}

Built build_sum(const dnnl::engine& engine, const LibraryCall& c, memory::data_type type) {
    const bool channels = c.op == LibraryOp::sum_channels;
    const int64_t rows = channels ? c.size() / c.C : c.N, columns = c.size() / rows;
    const memory::desc x({rows, columns}, type, memory::format_tag::ab);
    const memory::desc y({channels ? 1 : rows, channels ? columns : 1}, memory::data_type::f32,
                         memory::format_tag::ab);
    return {dnnl::reduction(
                described<dnnl::reduction>(engine, algorithm::reduction_sum, x, y, 0.0f, 0.0f)),
            x,
            {},
            y};
}

Built build_upsample(const dnnl::engine& engine, const LibraryCall& c, memory::data_type type) {
    const memory::desc small({c.N, c.C, c.H, c.W}, type, memory::format_tag::nhwc);
    const memory::desc large({c.N, c.C, 2 * c.H, 2 * c.W}, type, memory::format_tag::nhwc);
    const auto nearest = algorithm::resampling_nearest;
    const auto forward = described<dnnl::resampling_forward>(engine, prop_kind::forward_training,
                                                             nearest, small, large);
    if (c.op == LibraryOp::upsample_forward)
        return {dnnl::resampling_forward(forward), small, {}, large};
    return {dnnl::resampling_backward(
                described_after<dnnl::resampling_backward>(forward, engine, nearest, small, large)),
            large,
            {},
            small,
            DNNL_ARG_DIFF_DST,
            0,
            DNNL_ARG_DIFF_SRC};
}

Built build(const dnnl::engine& engine, const LibraryCall& c) {
    using memory::data_type::bf16, memory::data_type::f32;
    const auto type = c.bf16 ? bf16 : f32;
    switch (c.op) {
        case LibraryOp::cast:
            return build_reorder(engine, {{c.size()}, type, memory::format_tag::a},
                                 {{c.size()}, c.bf16 ? f32 : bf16, memory::format_tag::a});
        case LibraryOp::transpose: {
            const memory::dims extents{c.N, c.C, c.H, c.W};
            return build_reorder(engine, {extents, type, memory::format_tag::nchw},
                                 {extents, type, memory::format_tag::nhwc});
        }
        case LibraryOp::sum_rows:
        case LibraryOp::sum_channels:
            return build_sum(engine, c, type);
        case LibraryOp::upsample_forward:
        case LibraryOp::upsample_backward:
            return build_upsample(engine, c, type);
        default:
            return build_elementwise(engine, c, type);
    }
}

/// "jit:avx512_core", or "ref:any": a plain loop, where it has nothing better.
std::string implementation(const primitive& run) {
    const char* name = "";
    const auto status =
        dnnl_primitive_desc_query(run.get_primitive_desc(), dnnl_query_impl_info_str, 0, &name);
    return status == dnnl_success ? name : "unnamed";
}

struct Library {
    int threads;
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    Built built;
};

void run(Library& library, const LibraryOperands& operands) try {
    const Built& b = library.built;
    const auto memory_of = [&](const memory::desc& d, const void* data) {
        return memory(d, library.engine, const_cast<void*>(data));
    };
    std::unordered_map<int, memory> arguments{{b.x_name, memory_of(b.x, operands.x)},
                                              {b.y_name, memory_of(b.y, operands.y)}};
    if (operands.z != nullptr) arguments.insert({b.z_name, memory_of(b.z, operands.z)});
    b.run.execute(library.stream, arguments);
    library.stream.wait();
} catch (const dnnl::error& error) {
    throw Error("oneDNN", error.what());
}

}  // namespace

KernelReference onednn_reference(const CpuContext& context, const LibraryCall& call,
                                 const std::function<LibraryOperands()>& operands) try {
    const auto library =
        std::make_shared<Library>(Library{.threads = context.threads(), .built = {}});
    // It decides how to split the work when the primitive is built, from OpenMP's setting.
    const ThreadCountGuard guard(library->threads);
    library->built = build(library->engine, call);
    return {.name = "oneDNN",
            .idea = convolution_library() + ", " + implementation(library->built.run),
            .run = [=] {
                const ThreadCountGuard guard(library->threads);
                run(*library, operands());
            }};
} catch (const dnnl::error& error) {
    return {.name = "oneDNN", .missing = std::string("it refuses: ") + error.what()};
}

}  // namespace sg

#endif
