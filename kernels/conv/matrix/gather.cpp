#include "kernels/conv/matrix/gather.h"

namespace sg {

Gather forward_gather(const ConvShape& s) {
    Gather g{s.N, s.H, s.W, s.C, s.P(), s.Q(), s.stride, {}};
    for (int64_t r = 0; r < s.R; ++r)
        for (int64_t t = 0; t < s.S; ++t) g.taps.push_back({r - s.pad, t - s.pad, r, t});
    return g;
}

Gather dgrad_gather(const ConvShape& s, int64_t a, int64_t b) {
    Gather g{s.N,
             s.P(),
             s.Q(),
             s.K,
             (s.H - a + s.stride - 1) / s.stride,
             (s.W - b + s.stride - 1) / s.stride,
             1,
             {}};
    for (int64_t r = 0; r < s.R; ++r)
        for (int64_t t = 0; t < s.S; ++t)
            if ((a + s.pad - r) % s.stride == 0 && (b + s.pad - t) % s.stride == 0)
                g.taps.push_back({(a + s.pad - r) / s.stride, (b + s.pad - t) / s.stride, r, t});
    return g;
}

}  // namespace sg
