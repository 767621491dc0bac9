#include "kernels/conv/conv_form.h"

#include "kernels/common/processor.h"
#include "kernels/conv/matrix/deep.h"
#include "kernels/conv/matrix/folded.h"
#include "kernels/conv/winograd/winograd.h"

namespace sg {

namespace {

/// Where a quarter of the products outweighs the transforms. By image (is_deep).
bool by_winograd(const ConvShape& s) {
    constexpr int64_t enough_channels = 32, enough_pixels = 64;
    return can_winograd(s) && std::min(s.C, s.K) >= enough_channels &&
           std::min(s.H * s.W, s.P() * s.Q()) >= enough_pixels;
}

}  // namespace

ConvForm conv_form(ConvPass pass, const ConvShape& s, bool bf16) {
    if (by_winograd(s) && !(bf16 && cpu_has_amx())) return ConvForm::winograd;
    if (pass == ConvPass::wgrad) {
        // oneDNN 2.6 returns wrong bf16 sums where a strided kernel moves over an image one pixel
        // wide.
        if (bf16 && (!cpu_has_amx() || (s.W == 1 && s.stride > 1))) return ConvForm::own;
        return s.w_size() > s.x_size() + s.y_size() || can_fold(s, s.K) ? ConvForm::own
                                                                        : ConvForm::library;
    }
    // oneDNN would have to lay out, at every update, weights that are used but a few times.
    if (is_deep(s)) return ConvForm::own;
    if (bf16 && cpu_has_amx()) return ConvForm::library;
    if (can_fold(s, pass == ConvPass::forward ? s.K : s.C)) return ConvForm::own;
    return bf16 ? ConvForm::widened : ConvForm::library;
}

}  // namespace sg
