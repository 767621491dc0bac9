#pragma once

#include <memory>
#include <new>

#include "kernels/common/context.h"
#include "tests/support.h"

namespace sg::testing {

/// The CPU or the simulated device: both work on the host's memory.
template <class Context>
struct HostDevice {
    Context context;
    std::string name;
    bool aligned;
    static constexpr bool is_cpu = std::is_same_v<Context, CpuContext>;

    template <class T>
    class Input {
      public:
        Input(const std::vector<T>& values, int64_t offset) : offset_(offset) {
            if (values.empty()) return;
            // Aligned as GPU memory is, and ending with the values: AddressSanitizer sees one
            // element too many.
            const size_t bytes = (values.size() + size_t(offset)) * sizeof(T);
            memory_.reset(::operator new(bytes, alignment));
            std::copy(values.begin(), values.end(), static_cast<T*>(memory_.get()) + offset);
        }
        const T* data() const {
            return memory_ ? static_cast<const T*>(memory_.get()) + offset_ : nullptr;
        }
        operator const T*() const { return data(); }  // NOLINT: kernels take pointers

      private:
        static constexpr std::align_val_t alignment{256};
        struct Delete {
            void operator()(void* memory) const { ::operator delete(memory, alignment); }
        };
        int64_t offset_;
        std::unique_ptr<void, Delete> memory_;
    };

    /// Null for no values: an operand that is not there.
    template <class T>
    Input<T> input(const std::vector<T>& values) {
        return Input<T>(values, aligned ? 0 : 1);
    }
    template <class T>
    Output<T> output(int64_t count) {
        return Output<T>(count, aligned ? 64 : 37);
    }
    /// An output that starts with values: what is updated in place.
    template <class T>
    Output<T> output(const std::vector<T>& values) {
        Output<T> out = output<T>(int64_t(values.size()));
        std::copy(values.begin(), values.end(), out.data());
        return out;
    }
};

}  // namespace sg::testing
