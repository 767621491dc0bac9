#pragma once

#include <cstddef>

namespace sg::sim {

/// A stack of its own on which a function runs until it suspends, and goes on when resumed.
/// resume() and suspend() tell AddressSanitizer which stack is in use.
class Fiber {
  public:
    using Body = void (*)(void* argument);

    /// body(argument) starts at the first resume(). It must not return and must not let an
    /// exception escape.
    Fiber(Body body, void* argument);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// From the scheduler: runs the fiber until it suspends.
    void resume();
    /// From within the fiber: back to where resume() was called.
    void suspend();

  private:
    std::byte* memory_ = nullptr;  ///< a guard page, then the stack
    bool guarded_ = false;
    void* context_ = nullptr;
    void* caller_ = nullptr;
    const void* caller_bottom_ = nullptr;
    size_t caller_size_ = 0;
    void* own_fake_stack_ = nullptr;
    Body body_;
    void* argument_;
};

}  // namespace sg::sim
