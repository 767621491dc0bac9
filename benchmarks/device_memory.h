#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/common/context.h"
#include "kernels/sim/sim_context.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/cuda_context.h"
#endif

namespace sg {

/// Values where a context's kernels can reach them.
template <class Context, class T>
class DeviceMemory {
  public:
    DeviceMemory(Context&, std::vector<T> values) : values_(values.size() + padding) {
        // 128-byte aligned, so that counts of sectors do not depend on luck.
        data_ = values_.data();
        while (reinterpret_cast<uintptr_t>(data_) % 128 != 0) ++data_;
        count_ = values.size();
        std::copy(values.begin(), values.end(), data_);
    }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;
    T* data() const { return data_; }
    std::vector<T> values() const { return {data_, data_ + count_}; }
    void clear() { std::fill_n(data_, count_, T(0.0f)); }

  private:
    static constexpr size_t padding = 128 / sizeof(T);
    std::vector<T> values_;
    T* data_;
    size_t count_;
};

#ifdef SG_CUDA_ENABLED
template <class T>
class DeviceMemory<CudaContext, T> {
  public:
    DeviceMemory(CudaContext& context, const std::vector<T>& values)
        : context_(context),
          count_(values.size()),
          data_(static_cast<T*>(context.allocate(count_ * sizeof(T)))) {
        context.upload(data_, values.data(), count_ * sizeof(T));
    }
    ~DeviceMemory() { context_.release(data_); }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;
    T* data() const { return data_; }
    std::vector<T> values() const {
        std::vector<T> host(count_);
        context_.download(host.data(), data_, count_ * sizeof(T));
        return host;
    }
    void clear() { context_.zero(data_, count_ * sizeof(T)); }

  private:
    CudaContext& context_;
    size_t count_;
    T* data_;
};
#endif

}  // namespace sg
