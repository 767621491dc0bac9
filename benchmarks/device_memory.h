#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "kernels/common/context.h"
#include "kernels/sim/sim_context.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/cuda_context.h"
#endif

namespace sg {

/// Which of several copies of a kernel's operands is in use. With copies enough for a cache to
/// forget one until its turn comes again, a kernel finds nothing of its operands there.
struct Rotation {
    int copies = 1;
    int current = 0;

    void advance() { current = (current + 1) % copies; }
};

/// Values where a context's kernels can reach them, in as many copies as the rotation has; what is
/// said of them is said of the current one.
template <class Context, class T>
class DeviceMemory {
  public:
    DeviceMemory(Context&, const std::vector<T>& values, const Rotation& rotation)
        : rotation_(rotation),
          count_(values.size()),
          stride_((values.size() * sizeof(T) + alignment - 1) / alignment * alignment),
          bytes_(stride_ * size_t(rotation.copies) + alignment) {
        // Aligned, so that counts of sectors do not depend on luck.
        const auto address = reinterpret_cast<uintptr_t>(bytes_.data());
        first_ = bytes_.data() + (alignment - address % alignment) % alignment;
        for (int i = 0; i < rotation.copies; ++i)
            std::copy(values.begin(), values.end(),
                      reinterpret_cast<T*>(first_ + size_t(i) * stride_));
    }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;
    T* data() const { return reinterpret_cast<T*>(first_ + size_t(rotation_.current) * stride_); }
    std::vector<T> values() const { return {data(), data() + count_}; }
    void assign(const std::vector<T>& values) { std::copy(values.begin(), values.end(), data()); }
    void clear() { std::fill_n(data(), count_, T(0.0f)); }

  private:
    static constexpr size_t alignment = 128;
    const Rotation& rotation_;
    size_t count_, stride_;  ///< the stride in bytes
    std::vector<std::byte> bytes_;
    std::byte* first_;
};

#ifdef SG_CUDA_ENABLED
template <class T>
class DeviceMemory<CudaContext, T> {
  public:
    DeviceMemory(CudaContext& context, const std::vector<T>& values, const Rotation& rotation)
        : context_(context),
          rotation_(rotation),
          count_(values.size()),
          stride_((values.size() * sizeof(T) + 255) / 256 * 256),
          data_(static_cast<char*>(
              context.allocate(std::max(stride_ * size_t(rotation.copies), size_t{1})))) {
        for (int i = 0; i < rotation.copies; ++i)
            if (count_ > 0)
                context.upload(data_ + size_t(i) * stride_, values.data(), count_ * sizeof(T));
    }
    ~DeviceMemory() { context_.release(data_); }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;
    T* data() const { return reinterpret_cast<T*>(data_ + size_t(rotation_.current) * stride_); }
    std::vector<T> values() const {
        std::vector<T> host(count_);
        if (count_ > 0) context_.download(host.data(), data(), count_ * sizeof(T));
        return host;
    }
    void assign(const std::vector<T>& values) {
        context_.upload(data(), values.data(), count_ * sizeof(T));
    }
    void clear() {
        if (count_ > 0) context_.zero(data(), count_ * sizeof(T));
    }

  private:
    CudaContext& context_;
    const Rotation& rotation_;
    size_t count_, stride_;  ///< the stride in bytes
    char* data_;
};
#endif

}  // namespace sg
