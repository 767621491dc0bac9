#include <omp.h>

#include <type_traits>

#include "kernels/conv/check.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/conv_cache.h"
#include "kernels/conv/conv_direct.h"
#include "kernels/conv/matrix/conv_matrix.h"
#include "kernels/conv/onednn/conv_onednn.h"
#include "kernels/conv/winograd/winograd.h"

namespace sg {

CpuContext::CpuContext(int threads)
    : threads_(threads > 0 ? threads : omp_get_num_procs()),
      conv_cache_(std::make_unique<ConvCache>()) {}
CpuContext::~CpuContext() = default;
CpuContext::CpuContext(CpuContext&&) noexcept = default;
CpuContext& CpuContext::operator=(CpuContext&&) noexcept = default;

namespace {

ConvForm form_for(ConvPass pass, const ConvShape& shape, bool bf16, ConvForm asked) {
    const ConvForm form = asked == ConvForm::automatic ? conv_form(pass, shape, bf16) : asked;
    if (form == ConvForm::winograd) return can_winograd(shape) ? form : ConvForm::own;
    return has_onednn ? form : ConvForm::own;
}

/// Whether it is Winograd's form: the one that does all of the epilogue itself.
template <class T, class Out, template <class, class, class> class Args>
bool by_winograd(ConvPass pass, const Args<T, Out, acc_t<T>>& args) {
    return !std::is_same_v<T, double> &&
           form_for(pass, args.shape, std::is_same_v<T, bf16>, args.form) == ConvForm::winograd;
}

template <class T, class Out>
void plain_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    constexpr bool half = std::is_same_v<T, bf16>;
    if constexpr (std::is_same_v<T, double>) {
        direct_conv_forward(context, args);
    } else {
        const ConvForm form = form_for(ConvPass::forward, args.shape, half, args.form);
        if constexpr (has_onednn) {
            if (form == ConvForm::library) return onednn_conv_forward(context, args);
            if constexpr (half)
                if (form == ConvForm::widened) return widened_conv_forward(context, args);
        }
        matrix_conv_forward(context, args);
    }
}

template <class T, class Out>
void plain_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    constexpr bool half = std::is_same_v<T, bf16>;
    if constexpr (std::is_same_v<T, double>) {
        direct_conv_dgrad(context, args);
    } else {
        const ConvForm form = form_for(ConvPass::dgrad, args.shape, half, args.form);
        if constexpr (has_onednn) {
            if (form == ConvForm::library) return onednn_conv_dgrad(context, args);
            if constexpr (half)
                if (form == ConvForm::widened) return widened_conv_dgrad(context, args);
        }
        matrix_conv_dgrad(context, args);
    }
}

/// Whether the convolution itself can finish its sums.
template <class T>
bool plain_epilogue(const ConvEpilogue<T>& e) {
    return !e.mask && !e.residual && (e.slope == 1 || !std::is_same_v<T, double>);
}

/// The epilogue behind the bias, for elements [begin, end). Each is read before it is written, so
/// the arrays may be one and the same, and the loop takes many at once: without branches, and with
/// everything in locals that a store might otherwise seem to change.
template <bool mask, bool residual, class T, class Sum, class Out>
void finish(const ConvEpilogue<T>& e, const Sum* sums, Out* out, int64_t begin, int64_t end) {
    const Sum slope = e.slope, mask_slope = e.mask_slope;
    const T *masks = e.mask, *added = e.residual;
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
        Sum v = sums[i];
        v *= v > 0 ? Sum{1} : slope;
        if constexpr (mask) v *= Sum(masks[i]) > 0 ? Sum{1} : mask_slope;
        if constexpr (residual) v += Sum(added[i]);
        store(out[i], v);
    }
}

/// Applies the epilogue to the unrounded sums that `plain(sums)` leaves. They have memory of their
/// own if the result is narrower than they are, or holds an operand of the epilogue.
template <class T, class Out, class Plain>
void with_epilogue(CpuContext& context, int64_t count, int64_t channels, const ConvEpilogue<T>& e,
                   Out* out, const Plain& plain) {
    using Sum = acc_t<T>;
    Sum* sums = nullptr;
    if constexpr (std::is_same_v<Sum, Out>) {
        const void *mask = e.mask, *residual = e.residual;
        if (mask != out && residual != out) sums = out;
    }
    if (!sums)
        sums = static_cast<Sum*>(
            context.conv_cache().workspace(size_t(count) * sizeof(Sum), ConvCache::Buffer::sums));
    plain(sums);
    parallel_chunks(context, count, [&](int64_t begin, int64_t end) {
        if (e.bias)
            for (int64_t i = begin; i < end; ++i) sums[i] += e.bias[i % channels];
        if (e.mask && e.residual)
            finish<true, true>(e, sums, out, begin, end);
        else if (e.mask)
            finish<true, false>(e, sums, out, begin, end);
        else if (e.residual)
            finish<false, true>(e, sums, out, begin, end);
        else
            finish<false, false>(e, sums, out, begin, end);
    });
}

}  // namespace

template <class T, class Out>
void conv_forward(CpuContext& context, const ConvForwardArgs<T, Out>& args) {
    check_conv_forward(args);
    const ConvShape& s = args.shape;
    if (by_winograd(ConvPass::forward, args)) {
        if constexpr (!std::is_same_v<T, double>) winograd_conv_forward(context, args);
    } else if (plain_epilogue(args.epilogue)) {
        plain_forward(context, args);
    } else {
        with_epilogue(context, s.y_size(), s.K, args.epilogue, args.y, [&](acc_t<T>* sums) {
            plain_forward(context,
                          ConvForwardArgs<T, acc_t<T>>{.shape = s,
                                                       .x = args.x,
                                                       .w = args.w,
                                                       .y = sums,
                                                       .weight_version = args.weight_version,
                                                       .form = args.form});
        });
    }
    if (args.label_bias)
        label_bias_forward(context, LabelBiasForwardArgs<Out>{.shape = label_bias_shape(s),
                                                              .table = args.label_bias,
                                                              .relative = args.label_bias_relative,
                                                              .y = args.y});
}

template <class T, class Out>
void conv_dgrad(CpuContext& context, const ConvDgradArgs<T, Out>& args) {
    check_conv_shape("conv_dgrad", args.shape);
    const ConvShape& s = args.shape;
    if constexpr (!std::is_same_v<T, double>)
        if (by_winograd(ConvPass::dgrad, args)) return winograd_conv_dgrad(context, args);
    if (!args.epilogue.more() && !args.epilogue.bias) {
        plain_dgrad(context, args);
        return;
    }
    with_epilogue(context, s.x_size(), s.C, args.epilogue, args.grad_x, [&](acc_t<T>* sums) {
        plain_dgrad(context, ConvDgradArgs<T, acc_t<T>>{.shape = s,
                                                        .grad_y = args.grad_y,
                                                        .w = args.w,
                                                        .grad_x = sums,
                                                        .weight_version = args.weight_version,
                                                        .form = args.form});
    });
}

template <class T>
void conv_wgrad(CpuContext& context, const ConvWgradArgs<T>& args) {
    check_conv_shape("conv_wgrad", args.shape);
    if constexpr (std::is_same_v<T, double>) {
        direct_conv_wgrad(context, args);
    } else {
        const ConvForm form =
            form_for(ConvPass::wgrad, args.shape, std::is_same_v<T, bf16>, args.form);
        if (form == ConvForm::winograd) return winograd_conv_wgrad(context, args);
        if constexpr (has_onednn)
            if (form == ConvForm::library) return onednn_conv_wgrad(context, args);
        matrix_conv_wgrad(context, args);
    }
}

#define SG_INSTANTIATE(T, Out)                                               \
    template void conv_forward(CpuContext&, const ConvForwardArgs<T, Out>&); \
    template void conv_dgrad(CpuContext&, const ConvDgradArgs<T, Out>&);
SG_INSTANTIATE(float, float)
SG_INSTANTIATE(bf16, bf16)
SG_INSTANTIATE(bf16, float)
SG_INSTANTIATE(double, double)
template void conv_wgrad(CpuContext&, const ConvWgradArgs<float>&);
template void conv_wgrad(CpuContext&, const ConvWgradArgs<bf16>&);
template void conv_wgrad(CpuContext&, const ConvWgradArgs<double>&);

}  // namespace sg
