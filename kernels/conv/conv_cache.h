#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "kernels/conv/conv_shape.h"

namespace sg {

class OnednnCache;

/// What the CPU's convolution keeps between calls: weights laid out for the processor, memory for
/// partial results, oneDNN's primitives.
class ConvCache {
  public:
    ConvCache();
    ~ConvCache();

    /// What scratch memory is for; each has its own.
    enum class Buffer { sums, operand, result };
    /// Scratch bytes; grows, never shrinks. Valid until the next call for the same buffer.
    void* workspace(size_t bytes, Buffer buffer);

    /// Weights rounded to bf16, as f32: what round(memory) makes of w, kept as panels are.
    template <class Round>
    const float* rounded(const float* w, uint64_t version, const Round& round) {
        return kept(rounded_[version ? w : nullptr], version, round);
    }

    /// As matrix/ multiplies them, tap by tap or for few results (matrix/few_results.h), or at
    /// winograd/'s points.
    enum class Layout { taps, few, winograd };
    /// Whose weights are laid out for what.
    struct PanelKey {
        ConvPass pass;
        ConvShape shape;
        bool bf16;
        Layout layout;
        const float* w;
    };
    /// What lay_out(memory) makes of w for one of the project's own forms of a pass. Laid out again
    /// when `version` differs from the one remembered for the key, always if it is 0. Valid until
    /// the next call.
    template <class LayOut>
    const float* panels(const PanelKey& key, uint64_t version, const LayOut& lay_out) {
        return kept(panels_[ordered(key, version != 0)], version, lay_out);
    }

    /// Made at the first call; only in a build with oneDNN.
    OnednnCache& onednn();

  private:
    using OrderedKey = std::tuple<const float*, int, bool, Layout, int64_t, int64_t, int64_t,
                                  int64_t, int64_t, int64_t, int64_t, int64_t>;
    struct Panels {
        uint64_t version = 0;
        std::vector<float> memory;
    };
    template <class Make>
    static const float* kept(Panels& entry, uint64_t version, const Make& make) {
        if (!version || entry.version != version) make(entry.memory);
        entry.version = version;
        return entry.memory.data();
    }
    /// All that a layout depends on; weights without a version are not remembered by address.
    static OrderedKey ordered(const PanelKey& key, bool has_version) {
        const ConvShape& s = key.shape;
        return {has_version ? key.w : nullptr,
                int(key.pass),
                key.bf16,
                key.layout,
                s.K,
                s.C,
                s.R,
                s.S,
                s.stride,
                s.pad,
                std::min(s.H, s.stride),
                std::min(s.W, s.stride)};
    }

    std::array<std::vector<std::byte>, 3> workspace_;
    std::map<OrderedKey, Panels> panels_;
    std::map<const float*, Panels> rounded_;
    std::shared_ptr<OnednnCache> onednn_;  // shared: destroyed where it was made, if at all
};

}  // namespace sg
