#pragma once

#include <algorithm>
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

    /// Scratch bytes for partial results; grows, never shrinks. Valid until the next call.
    void* workspace(size_t bytes);

    /// Whose weights are laid out for what.
    struct PanelKey {
        ConvPass pass;
        ConvShape shape;
        bool bf16;
        const float* w;
    };
    /// What lay_out(memory) makes of w for the matrix form of a pass. Laid out again when `version`
    /// differs from the one remembered for the key, always if it is 0. Valid until the next call.
    template <class LayOut>
    const float* panels(const PanelKey& key, uint64_t version, const LayOut& lay_out) {
        Panels& entry = panels_[ordered(key, version != 0)];
        if (!version || entry.version != version) lay_out(entry.memory);
        entry.version = version;
        return entry.memory.data();
    }

    /// Made at the first call; only in a build with oneDNN.
    OnednnCache& onednn();

  private:
    using OrderedKey = std::tuple<const float*, int, bool, int64_t, int64_t, int64_t, int64_t,
                                  int64_t, int64_t, int64_t, int64_t>;
    struct Panels {
        uint64_t version = 0;
        std::vector<float> memory;
    };
    /// All that a layout depends on; weights without a version are not remembered by address.
    static OrderedKey ordered(const PanelKey& key, bool has_version) {
        const ConvShape& s = key.shape;
        return {has_version ? key.w : nullptr,
                int(key.pass),
                key.bf16,
                s.K,
                s.C,
                s.R,
                s.S,
                s.stride,
                s.pad,
                std::min(s.H, s.stride),
                std::min(s.W, s.stride)};
    }

    std::vector<std::byte> workspace_;
    std::map<OrderedKey, Panels> panels_;
    std::shared_ptr<OnednnCache> onednn_;  // shared: destroyed where it was made, if at all
};

}  // namespace sg
