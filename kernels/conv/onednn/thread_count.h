#pragma once

#include <omp.h>

namespace sg {

/// OpenMP's number of threads while the object lives: oneDNN takes it from there when a primitive
/// is built, for how to split the work, and when it runs.
class ThreadCountGuard {
  public:
    explicit ThreadCountGuard(int threads) : before_(omp_get_max_threads()) {
        omp_set_num_threads(threads);
    }
    ~ThreadCountGuard() { omp_set_num_threads(before_); }
    ThreadCountGuard(const ThreadCountGuard&) = delete;
    ThreadCountGuard& operator=(const ThreadCountGuard&) = delete;

  private:
    int before_;
};

}  // namespace sg
