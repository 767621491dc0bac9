#include "kernels/sim/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <boost/context/detail/fcontext.hpp>
#include <cerrno>
#include <cstring>

#include "kernels/common/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define SG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SG_ASAN 1
#endif
#endif
#ifdef SG_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sg::sim {

namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

#ifdef SG_ASAN
constexpr size_t stack_bytes = 256 << 10;  // redzones make frames several times larger
#else
constexpr size_t stack_bytes = 64 << 10;
#endif

/// Every guard page splits a mapping in two, and Linux allows a process 65530 of them.
constexpr int most_guards = 16384;
std::atomic<int> guards = 0;

constexpr size_t cache_line = 64;

size_t page_bytes() {
    static const auto bytes = size_t(sysconf(_SC_PAGESIZE));
    return bytes;
}

}  // namespace

Fiber::Fiber(Body body, void* argument) : body_(body), argument_(argument) {
    void* memory = mmap(nullptr, page_bytes() + stack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // A kernel that overruns its stack stops at the guard page instead of writing into a neighbour.
    require(memory != MAP_FAILED, "sim", "no memory for the stack of one more thread: {}",
            std::strerror(errno));
    memory_ = static_cast<std::byte*>(memory);
    guarded_ = guards.fetch_add(1) < most_guards && mprotect(memory, page_bytes(), PROT_NONE) == 0;
    if (!guarded_) --guards;
    const auto start = [](transfer_t transfer) {
        auto& fiber = *static_cast<Fiber*>(transfer.data);
        fiber.caller_ = transfer.fctx;
#ifdef SG_ASAN
        __sanitizer_finish_switch_fiber(nullptr, &fiber.caller_bottom_, &fiber.caller_size_);
#endif
        fiber.body_(fiber.argument_);
    };
    // Stacks begin at the same place of a page, so the hot ends of hundreds would share a few sets
    // of the cache: each fiber starts a different number of cache lines below the end.
    static thread_local size_t count = 0;
    const size_t shift = ++count % 32 * 2 * cache_line;
    context_ =
        make_fcontext(memory_ + page_bytes() + stack_bytes - shift, stack_bytes - shift, start);
}

Fiber::~Fiber() {
#ifdef SG_ASAN
    // Frames that were given up in the middle of a failed launch left their redzones behind.
    __asan_unpoison_memory_region(memory_ + page_bytes(), stack_bytes);
#endif
    if (guarded_) --guards;
    munmap(memory_, page_bytes() + stack_bytes);
}

void Fiber::resume() {
#ifdef SG_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, memory_ + page_bytes(), stack_bytes);
#endif
    context_ = jump_fcontext(context_, this).fctx;
#ifdef SG_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#ifdef SG_ASAN
    __sanitizer_start_switch_fiber(&own_fake_stack_, caller_bottom_, caller_size_);
#endif
    caller_ = jump_fcontext(caller_, nullptr).fctx;
#ifdef SG_ASAN
    __sanitizer_finish_switch_fiber(own_fake_stack_, &caller_bottom_, &caller_size_);
#endif
}

}  // namespace sg::sim
