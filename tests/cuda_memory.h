#pragma once

#include "kernels/cuda/cuda_context.h"
#include "tests/support.h"

namespace sg::testing {

/// Memory on the GPU with a copy of the host's values, freed at the end.
template <class T>
class CudaMemory {
  public:
    /// The first value lies `offset` elements behind an aligned address.
    CudaMemory(CudaContext& context, const std::vector<T>& values, int64_t offset = 0)
        : context_(&context), count_(int64_t(values.size())) {
        if (values.empty()) return;
        memory_ = static_cast<T*>(context.allocate(bytes() + size_t(offset) * sizeof(T)));
        data_ = memory_ + offset;
        context.upload(data_, values.data(), bytes());
    }
    CudaMemory(CudaMemory&& other) noexcept
        : context_(other.context_),
          count_(other.count_),
          memory_(std::exchange(other.memory_, nullptr)),
          data_(other.data_) {}
    ~CudaMemory() {
        if (memory_) context_->release(memory_);
    }

    T* data() const { return data_; }
    operator const T*() const { return data_; }  // NOLINT: kernels take pointers
    std::vector<T> values() const {
        std::vector<T> host(count_);
        context_->download(host.data(), data_, bytes());
        return host;
    }

  private:
    size_t bytes() const { return size_t(count_) * sizeof(T); }
    CudaContext* context_;
    int64_t count_ = 0;
    T* memory_ = nullptr;
    T* data_ = nullptr;
};

/// Output<T> of support.h on the GPU: poisoned, between sentinels.
template <class T>
class CudaOutput {
  public:
    CudaOutput(CudaContext& context, const Output<T>& host)
        : memory_(context, host.all()), host_(host) {}
    T* data() { return memory_.data() + host_.margin(); }
    operator T*() { return data(); }  // NOLINT: kernels take pointers
    int64_t size() const { return host_.size(); }
    std::vector<T> values() const { return fetched().values(); }
    std::vector<double> get() const { return fetched().get(); }

  private:
    Output<T> fetched() const {
        Output<T> copy = host_;
        copy.all() = memory_.values();
        return copy;
    }
    CudaMemory<T> memory_;
    Output<T> host_;
};

struct CudaDevice {
    CudaContext context;
    std::string name;
    bool aligned;
    static constexpr bool is_cpu = false;

    template <class T>
    CudaMemory<T> input(const std::vector<T>& values) {
        return CudaMemory<T>(context, values, aligned ? 0 : 1);
    }
    template <class T>
    CudaOutput<T> output(int64_t count) {
        return CudaOutput<T>(context, Output<T>(count, margin()));
    }
    template <class T>
    CudaOutput<T> output(const std::vector<T>& values) {
        Output<T> host(int64_t(values.size()), margin());
        std::copy(values.begin(), values.end(), host.data());
        return CudaOutput<T>(context, host);
    }
    int64_t margin() const { return aligned ? 64 : 37; }
};

}  // namespace sg::testing
