#include "kernels/sim/scheduler.h"

#include <algorithm>
#include <cstring>

#include "kernels/common/error.h"
#include "kernels/sim/recorder.h"

namespace sg::sim {

constinit thread_local Thread* current = nullptr;

Scheduler& scheduler() {
    static thread_local Scheduler instance;
    return instance;
}

void Worker::body(void* self) {
    auto& worker = *static_cast<Worker*>(self);
    Scheduler& scheduler = worker.scheduler_;
    const LaunchState*& launch = scheduler.cluster().launch;
    for (;;) {
        while (Thread* thread = scheduler.take_pending()) {
            current = thread;
            thread->worker = &worker;
            thread->state = Thread::State::running;
            try {
                launch->call(launch->arguments);
                scheduler.finished(*thread);
            } catch (...) {
                scheduler.failed(std::current_exception());
            }
        }
        current = nullptr;
        worker.fiber.suspend();
    }
}

Thread* Scheduler::take_pending() {
    if (failure_ || !ready_.empty() || next_pending_ == pending_.size()) return nullptr;
    return pending_[next_pending_++];
}

void Scheduler::place(const LaunchState& launch, size_t index) {
    const Launch& config = launch.launch;
    cluster_.launch = &launch;
    cluster_.barrier = {};
    cluster_.finished = 0;
    cluster_.arrays.clear();
    cluster_.static_bytes = 0;
    cluster_.blocks.resize(config.cluster);
    const size_t stride = (launch.shared_limit + 127) / 128 * 128;
    if (shared_.size() < stride * config.cluster + 128)
        shared_.resize(stride * config.cluster + 128);
    void* aligned = shared_.data();
    size_t space = shared_.size();
    std::align(128, stride, aligned, space);
    const auto threads = int(config.block.count()), warps = (threads + warp_size - 1) / warp_size;
    for (unsigned r = 0; r < config.cluster; ++r) {
        Block& block = cluster_.blocks[r];
        const size_t linear = index * config.cluster + r;
        block.cluster = &cluster_;
        block.index = {unsigned(linear % config.grid.x),
                       unsigned(linear / config.grid.x % config.grid.y),
                       unsigned(linear / config.grid.x / config.grid.y)};
        block.rank = int(r);
        block.barrier = {};
        block.finished = 0;
        block.shared = static_cast<std::byte*>(aligned) + r * stride;
        // What no thread has written reads as NaN: real shared memory starts undefined.
        std::memset(block.shared, 0xFF, cluster_.dynamic_bytes());
        block.warps.resize(warps);
        for (auto& warp : block.warps) warp.clear();
        block.threads.resize(threads);
        for (int t = 0; t < threads; ++t) {
            Thread& thread = block.threads[t];
            thread.state = Thread::State::pending;
            thread.block = &block;
            thread.index = t;
            thread.copies.clear();
            thread.copy_groups = 0;
            thread.thread_index = {t % config.block.x, t / config.block.x % config.block.y,
                                   t / config.block.x / config.block.y};
        }
    }
}

void Scheduler::arrange(std::vector<Thread*>& threads) {
    if (order_ == ThreadOrder::backward) std::reverse(threads.begin(), threads.end());
    if (order_ == ThreadOrder::shuffled) std::shuffle(threads.begin(), threads.end(), random_);
}

void Scheduler::start_order() {
    pending_.clear();
    for (Block& block : cluster_.blocks)
        for (Thread& thread : block.threads) pending_.push_back(&thread);
    arrange(pending_);
    next_pending_ = 0;
    total_ = pending_.size();
    ready_.clear();
}

void Scheduler::run(const LaunchState& launch, size_t index, ThreadOrder order, uint64_t seed) {
    order_ = order;
    if (order == ThreadOrder::shuffled) random_.seed(seed * 0x9E3779B97F4A7C15u + index);
    failure_ = nullptr;
    place(launch, index);
    start_order();
    if (recorder) recorder->begin(cluster_);
    try {
        run_threads();
    } catch (...) {
        // The other threads of the cluster cannot go on: their fibers are given up where they are.
        idle_.clear();
        workers_.clear();
        throw;
    }
    if (recorder) recorder->end();
}

void Scheduler::run_threads() {
    while (size_t(cluster_.finished) < total_) {
        if (!ready_.empty()) {
            Thread* thread = ready_.front();
            ready_.pop_front();
            current = thread;
            thread->state = Thread::State::running;
            resume(*thread->worker);
        } else if (next_pending_ < pending_.size()) {
            if (idle_.empty()) {
                workers_.push_back(std::make_unique<Worker>(*this));
                idle_.push_back(workers_.back().get());
            }
            Worker* worker = idle_.back();
            idle_.pop_back();
            resume(*worker);
        } else {
            report_deadlock();
        }
    }
}

/// Runs the worker until its thread waits or it has nothing left to do.
void Scheduler::resume(Worker& worker) {
    worker.fiber.resume();
    const bool parked = current != nullptr;
    current = nullptr;
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (!parked) idle_.push_back(&worker);
}

void Scheduler::wait(Thread::State state, const char* at, Where where) {
    Thread* thread = current;
    thread->state = state;
    thread->waits_at = at;
    thread->where = where;
    thread->worker->fiber.suspend();
    current = thread;
}

void Scheduler::release(std::vector<Thread*>& threads) {
    arrange(threads);
    ready_.insert(ready_.end(), threads.begin(), threads.end());
}

void Scheduler::finished(Thread& thread) {
    thread.state = Thread::State::finished;
    ++thread.block->finished;
    ++cluster_.finished;
    check_exit(thread);
}

void Scheduler::report_deadlock() {
    std::string waiting;
    const Thread* first = nullptr;
    std::vector<uint32_t> seen;
    for (const Block& block : cluster_.blocks)
        for (const Thread& thread : block.threads) {
            if (thread.state == Thread::State::finished) continue;
            if (!first) first = &thread;
            if (std::find(seen.begin(), seen.end(), thread.where.line()) != seen.end()) continue;
            seen.push_back(thread.where.line());
            waiting += fmt::format("; {} waits at {} ({})", describe(thread), thread.waits_at,
                                   describe(thread.where));
        }
    fail(*first, "threads wait for each other" + waiting);
}

}  // namespace sg::sim
