#include "kernels/conv/conv_cache.h"

#ifdef SG_ONEDNN_ENABLED
#include "kernels/conv/onednn/cache.h"
#endif

namespace sg {

ConvCache::ConvCache() = default;
ConvCache::~ConvCache() = default;

void* ConvCache::workspace(size_t bytes, Buffer buffer) {
    auto& memory = workspace_[size_t(buffer)];
    if (memory.size() < bytes) memory.resize(bytes);
    return memory.data();
}

#ifdef SG_ONEDNN_ENABLED
OnednnCache& ConvCache::onednn() {
    if (!onednn_) onednn_ = std::make_shared<OnednnCache>();
    return *onednn_;
}
#endif

}  // namespace sg
