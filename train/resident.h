#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/device.h"
#include "train/data/dataset.h"

namespace sg {

/// All images of a data set in a device's memory as bytes, where training picks its batches by
/// index (BatchUploader) and nothing crosses but the indices. For data sets whose images lie in
/// memory already (Dataset::stored). The memory is not the arena's.
class ResidentImages {
  public:
    /// Reads every image once, on `threads` threads (0: one per processor), and uploads it. What
    /// does not decode is in damaged() from then on; what goes wrong otherwise is thrown, as is
    /// Error("cuda") if the memory is refused.
    ResidentImages(Device& device, const Dataset& dataset, ImageSize size, int threads = 0);

    /// [count, height, width, 3], on the device; zeros for damaged items.
    const uint8_t* images() const { return images_; }
    int64_t count() const { return count_; }
    ImageSize size() const { return size_; }
    Device& device() const { return *device_; }
    /// Items that do not decode, sorted: for LoaderOptions::damaged, so that a run replaces them as
    /// if it read them itself.
    const std::vector<int64_t>& damaged() const { return damaged_; }

  private:
    Device* device_;
    int64_t count_;
    ImageSize size_;
    Arena memory_;
    uint8_t* images_;
    std::vector<int64_t> damaged_;
};

/// Bytes that the images of a data set take at `size`.
size_t image_bytes(const Dataset& dataset, ImageSize size);

/// Which data sets' images lie on the device, by the setting `resident`:
///   off    none;
///   auto   those that are stored and fit, if the device has memory of its own;
///   on     all. Throws Error with the numbers if they are not stored or do not fit.
/// Fit: into what is free, but for reserve_bytes. `available` is the device's memory once the
/// training has taken its own, or zero for devices in the host's memory, where everything fits.
std::vector<bool> choose_resident(const std::string& setting,
                                  const std::vector<const Dataset*>& data, ImageSize size,
                                  const Device::Memory& available);

/// Uploads what choose_resident chooses; null for the other data sets. To be called after
/// prepare_device, which takes the memory of the training. say() is told what it did.
std::vector<std::unique_ptr<ResidentImages>> make_resident(
    Device& device, const std::string& setting, const std::vector<const Dataset*>& data,
    ImageSize size, const std::function<void(const std::string& line)>& say);

}  // namespace sg
