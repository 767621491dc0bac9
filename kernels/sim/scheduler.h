#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <random>
#include <vector>

#include "kernels/sim/fiber.h"
#include "kernels/sim/sim_context.h"
#include "kernels/sim/thread.h"

namespace sg::sim {

class Scheduler;

/// A fiber that runs threads one after another. A thread that waits keeps its fiber, and another
/// fiber goes on with the rest: so the threads of a kernel that never waits share one fiber, and
/// run as a plain loop.
class Worker {
  public:
    explicit Worker(Scheduler& scheduler) : fiber(&Worker::body, this), scheduler_(scheduler) {}
    Fiber fiber;

  private:
    static void body(void* worker);
    Scheduler& scheduler_;
};

/// Runs clusters, one at a time, on the thread of the processor that owns it.
class Scheduler {
  public:
    /// Runs all threads of cluster number `index` of the launch. Throws what a thread threw, and
    /// Error if threads wait for each other forever.
    void run(const LaunchState& launch, size_t index, ThreadOrder order, uint64_t seed);

    /// The next thread that has not started; null if there is none, or one can continue.
    Thread* take_pending();
    void finished(Thread& thread);
    void failed(std::exception_ptr failure) { failure_ = std::move(failure); }
    bool has_failed() const { return failure_ != nullptr; }

    /// Parks the current thread until it is released.
    void wait(Thread::State state, const char* at, Where where);
    /// Lets threads continue, in the launch's order.
    void release(std::vector<Thread*>& threads);

    Cluster& cluster() { return cluster_; }

  private:
    void place(const LaunchState& launch, size_t index);
    void start_order();
    void run_threads();
    void arrange(std::vector<Thread*>& threads);
    void resume(Worker& worker);
    [[noreturn]] void report_deadlock();

    Cluster cluster_;
    std::vector<std::byte> shared_;
    std::vector<Thread*> pending_;
    size_t next_pending_ = 0, total_ = 0;
    std::deque<Thread*> ready_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Worker*> idle_;
    std::exception_ptr failure_;
    ThreadOrder order_ = ThreadOrder::forward;
    std::mt19937_64 random_;
};

/// The scheduler of this thread of the processor.
Scheduler& scheduler();

}  // namespace sg::sim
