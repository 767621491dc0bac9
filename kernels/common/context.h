#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>

namespace sg {

class ConvCache;

/// What a CPU kernel needs to run: the number of threads and the convolution primitives built so
/// far. One context is used by one calling thread at a time.
class CpuContext {
  public:
    /// threads <= 0: one per processor that this process may use.
    explicit CpuContext(int threads = 0);
    ~CpuContext();
    CpuContext(CpuContext&&) noexcept;
    CpuContext& operator=(CpuContext&&) noexcept;

    int threads() const { return threads_; }
    ConvCache& conv_cache() { return *conv_cache_; }

  private:
    int threads_;
    std::unique_ptr<ConvCache> conv_cache_;
};

/// Calls body(i) for i in [0, n), spread over the context's threads. `body` must write only what
/// belongs to its i, so the result cannot depend on the number of threads.
template <class Body>
void parallel_for(const CpuContext& context, int64_t n, const Body& body) {
    if (n <= 1 || context.threads() == 1) {
        for (int64_t i = 0; i < n; ++i) body(i);
        return;
    }
    std::exception_ptr failure;  // an exception must not leave a parallel region
#pragma omp parallel for schedule(static) num_threads(context.threads())
    for (int64_t i = 0; i < n; ++i) {
        try {
            body(i);
        } catch (...) {
#pragma omp critical(sg_parallel_for_failure)
            if (!failure) failure = std::current_exception();
        }
    }
    if (failure) std::rethrow_exception(failure);
}

/// Elements handled by one call of a chunked loop. A constant, not a function of the thread count:
/// partial sums per chunk, added in chunk order, give the same bits on any number of threads.
inline constexpr int64_t chunk_elements = 1 << 14;

/// Calls body(begin, end) for consecutive chunks of [0, n).
template <class Body>
void parallel_chunks(const CpuContext& context, int64_t n, const Body& body) {
    const int64_t chunks = (n + chunk_elements - 1) / chunk_elements;
    parallel_for(context, chunks, [&](int64_t c) {
        body(c * chunk_elements, std::min(n, (c + 1) * chunk_elements));
    });
}

}  // namespace sg
