#include "train/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "train/data/balance.h"
#include "train/data/image_cache.h"
#include "train/data/shuffle.h"

namespace sg {
namespace {

constexpr const char* kOperation = "loader";

/// What lies in memory already is not kept there again.
int64_t cache_budget(const Dataset& dataset, const LoaderOptions& options) {
    return options.pixels && !dataset.stored(options.size) ? options.cache_bytes : 0;
}

// A batch in the making. Its slots are filled by any worker; each slot has its own memory.
struct Pending {
    Batch batch;
    std::vector<int64_t> positions;  // per slot, in `items`
    std::once_flag allocated;
    int missing = 0;             // slots not yet done
    std::exception_ptr failure;  // of any slot
};

}  // namespace

struct Loader::Impl {
    Impl(const Dataset& data, std::vector<int64_t> list, const LoaderOptions& opts, int64_t first)
        : dataset(data),
          items(std::move(list)),
          options(opts),
          image_bytes(size_t(opts.size.height) * size_t(opts.size.width) * 3),
          cache(items.size(), image_bytes, cache_budget(data, opts)),
          opened(first) {
        if (opts.balance) draw.emplace(data, items);
    }

    ~Impl() {
        {
            const std::lock_guard lock(mutex);
            stop = true;
        }
        work_ready.notify_all();
        for (std::thread& worker : workers) worker.join();
    }

    void start() {
        const std::lock_guard lock(mutex);
        for (int i = 0; i < options.prefetch; ++i) open_batch();
        for (int i = 0; i < options.threads; ++i) workers.emplace_back([this] { work(); });
    }

    void open_batch();                               // the caller holds the mutex
    std::vector<int64_t> choose(int64_t iteration);  // the same
    void work();
    void fill(Pending& pending, int slot);
    size_t read(int64_t position, std::span<uint8_t> pixels);
    bool try_decode(size_t position, std::span<uint8_t> pixels, std::string& reason);
    Batch next();

    const Dataset& dataset;
    const std::vector<int64_t> items;
    const LoaderOptions options;
    const size_t image_bytes;
    ImageCache cache;
    std::optional<BalancedDraw> draw;  // for balance

    mutable std::mutex mutex;  // guards all below
    std::condition_variable work_ready, batch_ready;
    std::deque<Pending> window;  // consecutive iterations, `opened` is the next to enter
    int64_t opened;
    int64_t taken = 0;    // slots handed to workers since the start
    int64_t retired = 0;  // batches handed to the caller since the start
    uint32_t order_epoch = 0;
    std::vector<int64_t> order;            // of order_epoch; empty before the first batch
    std::vector<size_t> broken_order;      // the same, in order of discovery
    std::map<size_t, std::string> broken;  // positions that failed to decode, and why
    bool stop = false;
    std::vector<std::thread> workers;
};

/// The positions of a batch.
std::vector<int64_t> Loader::Impl::choose(int64_t iteration) {
    if (draw) {
        require(iteration <= int64_t{UINT32_MAX}, kOperation, "iteration {} lies beyond {}",
                iteration, UINT32_MAX);
        std::vector<int64_t> positions;
        for (int slot = 0; slot < options.batch; ++slot)
            positions.push_back(draw->position(options.seed, uint32_t(iteration), slot));
        return positions;
    }
    const auto count = int64_t(items.size());
    const int64_t per_epoch = count / options.batch;
    const int64_t epoch = iteration / per_epoch, begin = iteration % per_epoch * options.batch;
    require(epoch <= int64_t{UINT32_MAX}, kOperation, "iteration {} lies beyond epoch {}",
            iteration, UINT32_MAX);
    if (order.empty() || order_epoch != uint32_t(epoch)) {
        order = epoch_order(options.seed, uint32_t(epoch), count);
        order_epoch = uint32_t(epoch);
    }
    return {order.begin() + begin, order.begin() + begin + options.batch};
}

void Loader::Impl::open_batch() {
    std::vector<int64_t> positions = choose(opened);  // before anything changes: it can throw
    Pending& pending = window.emplace_back();
    pending.batch.iteration = opened++;
    pending.positions = std::move(positions);
    pending.missing = options.batch;
    work_ready.notify_all();
}

void Loader::Impl::work() {
    std::unique_lock lock(mutex);
    for (;;) {
        const auto available = [&] {
            return taken < (retired + int64_t(window.size())) * options.batch;
        };
        work_ready.wait(lock, [&] { return stop || available(); });
        if (stop) return;
        // A deque keeps its other elements in place, and this one stays until its slots are done.
        Pending& pending = window[size_t(taken / options.batch - retired)];
        const int slot = int(taken++ % options.batch);
        lock.unlock();
        std::exception_ptr failure;
        try {
            fill(pending, slot);
        } catch (...) {
            failure = std::current_exception();
        }
        lock.lock();
        if (failure && !pending.failure) pending.failure = failure;
        if (--pending.missing == 0) batch_ready.notify_all();
    }
}

void Loader::Impl::fill(Pending& pending, int slot) {
    const size_t labels = size_t(dataset.label_group().dim());
    Batch& batch = pending.batch;
    // By a worker, as clearing the pages of a large batch takes a while.
    std::call_once(pending.allocated, [&] {
        batch.items.resize(size_t(options.batch));
        if (options.pixels) batch.images.resize(size_t(options.batch) * image_bytes);
        batch.flips.resize(size_t(options.batch));
        batch.labels.resize(size_t(options.batch) * labels);
    });
    std::span<uint8_t> pixels;
    if (options.pixels) pixels = std::span(batch.images).subspan(slot * image_bytes, image_bytes);
    const int64_t item = items[read(pending.positions[slot], pixels)];
    batch.items[slot] = item;
    dataset.read_labels(item, std::span(batch.labels).subspan(slot * labels, labels));
    const Rng rng{options.seed, RngPurpose::flip, uint32_t(batch.iteration)};
    batch.flips[slot] = options.flip && (rng.bits(uint64_t(slot)) & 1);
}

// The first position from `position` on that decodes.
size_t Loader::Impl::read(int64_t position, std::span<uint8_t> pixels) {
    std::string reason;
    for (size_t step = 0; step < items.size(); ++step) {
        const size_t at = (size_t(position) + step) % items.size();
        if (cache.load(at, pixels)) return at;
        if (try_decode(at, pixels, reason)) return at;
    }
    throw Error(kOperation, fmt::format("none of {} images can be decoded", items.size()), reason);
}

bool Loader::Impl::try_decode(size_t position, std::span<uint8_t> pixels, std::string& reason) {
    {
        const std::lock_guard lock(mutex);
        if (const auto known = broken.find(position); known != broken.end()) {
            reason = known->second;
            return false;
        }
    }
    const int64_t item = items[position];
    try {
        const auto& damaged = options.damaged;
        require(!std::binary_search(damaged.begin(), damaged.end(), item), kOperation,
                "{} was found damaged before", dataset.item_name(item));
        if (options.pixels) dataset.read_image(item, options.size, pixels);
    } catch (const Error& error) {
        reason = error.what();
        const std::lock_guard lock(mutex);
        if (broken.emplace(position, reason).second) broken_order.push_back(position);
        return false;
    }
    cache.store(position, pixels);
    return true;
}

Batch Loader::Impl::next() {
    std::unique_lock lock(mutex);
    batch_ready.wait(lock, [&] { return window.front().missing == 0; });
    // A failed batch stays at the front: asking again fails again.
    if (window.front().failure) std::rethrow_exception(window.front().failure);
    open_batch();  // before the front goes: it can throw
    Batch batch = std::move(window.front().batch);
    window.pop_front();
    ++retired;
    return batch;
}

Loader::Loader(const Dataset& dataset, std::vector<int64_t> items, const LoaderOptions& options,
               int64_t first_iteration) {
    require(options.batch > 0 && options.threads > 0 && options.prefetch > 0, kOperation,
            "batch {}, threads {} and prefetch {} must be positive", options.batch, options.threads,
            options.prefetch);
    require(options.size.height > 0 && options.size.width > 0, kOperation,
            "image size is {}x{}, expected positive sides", options.size.width,
            options.size.height);
    require(first_iteration >= 0, kOperation, "first iteration is {}, expected 0 or more",
            first_iteration);
    require(int64_t(items.size()) >= options.batch, kOperation,
            "{} items do not fill a batch of {}", items.size(), options.batch);
    for (const int64_t item : items)
        require(item >= 0 && item < dataset.size(), kOperation, "item {} is outside 0 to {}", item,
                dataset.size() - 1);
    impl_ = std::make_unique<Impl>(dataset, std::move(items), options, first_iteration);
    impl_->start();
}

Loader::~Loader() = default;

Batch Loader::next() {
    return impl_->next();
}

std::vector<std::string> Loader::skipped() const {
    const std::lock_guard lock(impl_->mutex);
    std::vector<std::string> names;
    for (const size_t position : impl_->broken_order)
        names.push_back(impl_->dataset.item_name(impl_->items[position]));
    return names;
}

std::vector<int64_t> epoch_order(uint64_t seed, uint32_t epoch, int64_t count) {
    return permutation({seed, RngPurpose::data_order, epoch}, count);
}

}  // namespace sg
