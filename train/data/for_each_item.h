#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace sg {

/// Calls work(item) for 0 .. count-1 on `threads` threads (0: one per core), this one among them;
/// items begin in order. The first exception stops the others and is thrown here.
template <class Work>
void for_each_item(size_t count, int threads, const Work& work) {
    std::atomic<size_t> next{0};
    std::exception_ptr failure;
    std::mutex mutex;
    const auto loop = [&] {
        try {
            for (size_t i = next++; i < count; i = next++) work(i);
        } catch (...) {
            next = count;
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
        }
    };
    const size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const size_t wanted = std::min(threads > 0 ? size_t(threads) : cores, count);
    {
        std::vector<std::jthread> pool;  // joins on every way out
        for (size_t i = 1; i < wanted; ++i) pool.emplace_back(loop);
        loop();
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace sg
