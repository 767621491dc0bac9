#pragma once

#include <atomic>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "kernels/common/error.h"
#include "kernels/sim/recorder.h"

// Pointers of device code on the simulated device. They read and write like T*, and tell the
// recorder (if one listens) of every access; those to shared memory are checked against its size.

namespace sg::sim {

[[noreturn]] void fail_shared_range(int64_t index, size_t count, size_t element_bytes);
[[noreturn]] void fail_alignment(const void* address, size_t bytes);

/// Telling the recorder is inlined, so that the place of the call is the place of the access.
#define SG_SIM_RECORD(space, access, address, bytes) \
    do {                                             \
        if (recorder) [[unlikely]]                   \
            record(space, access, address, bytes);   \
    } while (false)

template <class T, Space space>
class Reference;

/// What an expression is on the GPU: a value, also where it is a Reference here.
template <class V>
[[gnu::always_inline]] inline const V& plain(const V& value) {
    return value;
}
template <class T, Space space>
[[gnu::always_inline]] inline T plain(const Reference<T, space>& reference) {
    return reference.read();
}

/// What *p is for a p to non-const memory: reading and writing it are different accesses. Only a
/// temporary can be read: `auto x = p[i]`, a value on the GPU, would here be read again at each
/// use.
template <class T, Space space>
class Reference {
  public:
    explicit Reference(T* p) : p_(p) {}

    [[gnu::always_inline]] T read() const {
        SG_SIM_RECORD(space, Access::load, p_, sizeof(T));
        return *p_;
    }
    [[gnu::always_inline]] operator T() const&& { return read(); }  // NOLINT: as the element
    template <class V>
    requires(!std::same_as<V, T> && std::convertible_to<T, V>) [[gnu::always_inline]] explicit
    operator V() const&& {  // float(element) of bf16
        return V(read());
    }
    template <class V = T>  // T: for a list in braces
    [[gnu::always_inline]] Reference& operator=(const V& value) {
        const T stored = T(plain(value));
        SG_SIM_RECORD(space, Access::store, p_, sizeof(T));
        *p_ = stored;
        return *this;
    }
    [[gnu::always_inline]] Reference& operator=(const Reference& other) {
        return *this = other.read();
    }
    Reference(const Reference&) = default;

    template <class V>
    [[gnu::always_inline]] Reference& operator+=(const V& value) {
        return *this = read() + plain(value);
    }
    template <class V>
    [[gnu::always_inline]] Reference& operator-=(const V& value) {
        return *this = read() - plain(value);
    }
    template <class V>
    [[gnu::always_inline]] Reference& operator*=(const V& value) {
        return *this = read() * plain(value);
    }

  private:
    T* p_;
};

/// Global memory. Not checked against its extent: AddressSanitizer does that.
template <class T>
class GlobalPointer {
  public:
    GlobalPointer(T* p = nullptr) : p_(p) {}  // NOLINT: launchers pass plain pointers
    template <class U>
    requires std::same_as<const U, T> GlobalPointer(GlobalPointer<U> other)
        : p_(other.address()) {}  // NOLINT: T* to const T*

    [[gnu::always_inline]] auto operator[](int64_t i) const {
        if constexpr (std::is_const_v<T>) {
            SG_SIM_RECORD(Space::global, Access::load, p_ + i, sizeof(T));
            return p_[i];
        } else {
            return Reference<T, Space::global>(p_ + i);
        }
    }
    [[gnu::always_inline]] auto operator*() const { return (*this)[0]; }
    GlobalPointer operator+(int64_t i) const { return p_ + i; }
    GlobalPointer& operator+=(int64_t i) { return p_ += i, *this; }
    explicit operator bool() const { return p_ != nullptr; }

    T* address() const { return p_; }  ///< not recorded
    /// The address of `bytes` that one instruction accesses.
    T* vector(Access, size_t bytes) const {
        if (reinterpret_cast<uintptr_t>(p_) % bytes != 0) fail_alignment(p_, bytes);
        return p_;
    }
    static constexpr Space space = Space::global;

  private:
    T* p_;
};

/// Shared memory: an array of `count` elements seen from element `at`.
template <class T>
class SharedPointer {
  public:
    SharedPointer() = default;
    SharedPointer(T* base, size_t count, int64_t at = 0) : base_(base), count_(count), at_(at) {}
    template <class U>
    requires std::same_as<const U, T> SharedPointer(
        SharedPointer<U> other)  // NOLINT: as T* to const T*
        : base_(other.base()), count_(other.count()), at_(other.at()) {}

    [[gnu::always_inline]] auto operator[](int64_t i) const {
        T* p = checked(at_ + i, 1);
        if constexpr (std::is_const_v<T>) {
            SG_SIM_RECORD(Space::shared, Access::load, p, sizeof(T));
            return *p;
        } else {
            return Reference<T, Space::shared>(p);
        }
    }
    [[gnu::always_inline]] auto operator*() const { return (*this)[0]; }
    SharedPointer operator+(int64_t i) const { return {base_, count_, at_ + i}; }
    SharedPointer& operator+=(int64_t i) { return at_ += i, *this; }

    T* address() const { return checked(at_, 1); }
    T* vector(Access, size_t bytes) const {
        T* p = checked(at_, int64_t(bytes / sizeof(T)));
        if (reinterpret_cast<uintptr_t>(p) % bytes != 0) fail_alignment(p, bytes);
        return p;
    }
    T* base() const { return base_; }
    size_t count() const { return count_; }
    int64_t at() const { return at_; }
    static constexpr Space space = Space::shared;

  private:
    T* checked(int64_t first, int64_t elements) const {
        if (first < 0 || first + elements > int64_t(count_)) [[unlikely]]
            fail_shared_range(first < 0 ? first : first + elements - 1, count_, sizeof(T));
        return base_ + first;
    }

    T* base_ = nullptr;
    size_t count_ = 0;
    int64_t at_ = 0;
};

/// A static array in shared memory, declared `__shared__ SharedArray<float, 32> partial;`. The
/// object itself (one per thread of the processor) is only a name: each block has its own memory.
template <class T, int count>
class SharedArray {
  public:
    [[gnu::always_inline]] auto operator[](int64_t i) const { return pointer()[i]; }
    SharedPointer<T> operator+(int64_t i) const { return pointer() + i; }
    operator SharedPointer<T>() const { return pointer(); }        // NOLINT: as an array decays
    operator SharedPointer<const T>() const { return pointer(); }  // NOLINT
    SharedPointer<T> pointer() const {
        const size_t alignment = alignof(T) > 16 ? alignof(T) : 16;
        return {reinterpret_cast<T*>(static_shared(this, sizeof(T) * count, alignment)), count};
    }
};

}  // namespace sg::sim
