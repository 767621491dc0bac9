#include "kernels/conv/conv_form.h"

#include "kernels/common/processor.h"
#include "kernels/conv/matrix/deep.h"
#include "kernels/conv/matrix/few_results.h"
#include "kernels/conv/winograd/winograd.h"

namespace sg {

namespace {

/// Where fewer products outweigh the transforms, whose share falls with channels, and the making of
/// weights at the points, whose share falls with the pixels of an image. By image, as is_deep is.
bool by_winograd(ConvPass pass, const ConvShape& s) {
    const bool strided = s.stride > 1, wgrad = pass == ConvPass::wgrad;
    const int64_t channels = strided && !wgrad ? 64 : 32, pixels = wgrad ? 16 : 64;
    return can_winograd(s) && std::min(s.C, s.K) >= channels && s.P() * s.Q() >= pixels;
}

}  // namespace

ConvForm conv_form(ConvPass pass, const ConvShape& s, bool bf16) {
    const bool many_weights = s.w_size() > s.x_size() + s.y_size();
    if (by_winograd(pass, s) && !(bf16 && cpu_has_amx()) &&
        !(pass == ConvPass::wgrad && many_weights))  // whose sums at the points are larger still
        return ConvForm::winograd;
    if (pass == ConvPass::wgrad) {
        if (many_weights || has_few_results(s, s.K)) return ConvForm::own;
        // oneDNN 2.6 returns wrong bf16 sums where a strided kernel moves over an image one pixel
        // wide. Without AMX it is faster where our vectors of channels are mostly empty.
        const bool wrong = s.W == 1 && s.stride > 1;
        const bool empty_lanes = s.C < vector_floats && library_convolves_bf16();
        if (bf16 && (wrong || !(cpu_has_amx() || empty_lanes))) return ConvForm::own;
        return ConvForm::library;
    }
    // oneDNN would have to lay out, at every update, weights that are used but a few times.
    if (is_deep(s)) return ConvForm::own;
    if (bf16 && cpu_has_amx()) return ConvForm::library;
    if (has_few_results(s, pass == ConvPass::forward ? s.K : s.C)) return ConvForm::own;
    return bf16 ? ConvForm::widened : ConvForm::library;
}

}  // namespace sg
