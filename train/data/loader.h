#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "train/data/dataset.h"

namespace sg {

/// One training batch on the host.
struct Batch {
    int64_t iteration = 0;        ///< 0-based iteration this batch belongs to
    std::vector<int64_t> items;   ///< data set indices, batch entries
    std::vector<uint8_t> images;  ///< [batch, height, width, 3], as decoded; or empty
    std::vector<uint8_t> flips;   ///< [batch], 1: to be mirrored left to right
    std::vector<float> labels;    ///< [batch, label_group().dim()], 0/1
};

struct LoaderOptions {
    int batch = 16;
    ImageSize size;
    uint64_t seed = 0;
    bool flip = true;                        ///< ask for a mirror image with probability 1/2
    bool balance = false;                    ///< draw items by the weights of data/balance.h
    int threads = 2;                         ///< decoding threads
    int prefetch = 4;                        ///< batches prepared ahead
    int64_t cache_bytes = int64_t{1} << 30;  ///< decoded images kept in memory if all of them fit
    bool pixels = true;                      ///< false: batches name their items, nothing is read
    /// Items known not to decode, sorted; replaced like those that are found on the way. With
    /// pixels = false nothing else is.
    std::vector<int64_t> damaged = {};
};

/// Multi-threaded loader. The batch of iteration i is a pure function of (data set, items, seed,
/// i): epoch e visits all items in a Philox permutation of (seed, e); batches do not cross epochs
/// (the last size % batch items of a permutation are left out of that epoch). With `balance` there
/// are no epochs, every slot is drawn by itself. An item that cannot be decoded is replaced by its
/// successor in `items` (wrapping) and counted in skipped().
class Loader {
  public:
    /// Starts at `first_iteration`. `dataset` must outlive the loader.
    Loader(const Dataset& dataset, std::vector<int64_t> items, const LoaderOptions& options,
           int64_t first_iteration = 0);
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// The next batch, in iteration order. Blocks until it is ready; rethrows a worker's Error.
    Batch next();
    /// Item names that failed to decode so far, each once, in order of discovery.
    std::vector<std::string> skipped() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The order in which epoch `epoch` visits `count` items: a permutation of 0 .. count-1.
std::vector<int64_t> epoch_order(uint64_t seed, uint32_t epoch, int64_t count);

}  // namespace sg
