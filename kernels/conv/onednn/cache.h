#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include <dnnl.hpp>

#include "kernels/conv/conv.h"

namespace sg {

/// A oneDNN convolution built for one shape, with the memory layouts it chose.
struct ConvPrimitive {
    dnnl::primitive primitive;
    dnnl::memory::desc weights;  ///< layout the primitive wants (blocked, converted)
    dnnl::memory::desc x, y;     ///< plain NHWC
    dnnl::memory::desc scratchpad;
};

/// Building a oneDNN primitive costs about a millisecond (it generates code), laying weights out
/// about as much as a small convolution. Both are done once and kept here.
class OnednnCache {
  public:
    OnednnCache();

    dnnl::engine& engine() { return engine_; }
    dnnl::stream& stream() { return stream_; }

    /// With a slope other than 1 a LeakyReLU acts on the forward pass's sums before they are
    /// stored. `threads` is the number of threads the primitive will run on (part of the key).
    const ConvPrimitive& primitive(ConvPass pass, const ConvShape& shape,
                                   dnnl::memory::data_type in, dnnl::memory::data_type out,
                                   bool bias, float slope, int threads);

    /// `w` (f32, KRSC) in the layout of `primitive`. Reordered again when `version` differs from
    /// the one remembered for w in this layout, always if version is 0.
    dnnl::memory weights(const ConvPrimitive& primitive, const ConvShape& shape, const float* w,
                         uint64_t version);

    /// The primitive's own scratchpad, private to slot `slot` of a parallel region.
    dnnl::memory scratchpad(const ConvPrimitive& primitive, int slot);
    /// Must be called before a parallel region that uses slots 0 .. count-1.
    void reserve_scratchpads(const ConvPrimitive& primitive, int count);

  private:
    using ShapeKey = std::tuple<int, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                                int64_t, int64_t, int, int, bool, float, int>;
    struct LaidOut {
        uint64_t version = 0;
        dnnl::memory memory;
    };

    dnnl::engine engine_;
    dnnl::stream stream_;
    std::map<ShapeKey, std::unique_ptr<ConvPrimitive>> primitives_;
    std::map<const float*, std::vector<LaidOut>> weights_;
    std::vector<std::vector<std::byte>> scratch_;
};

/// The memory descriptor of `shape`'s weights as the engine stores them: f32, KRSC.
dnnl::memory::desc plain_weights_desc(const ConvShape& shape);

}  // namespace sg
