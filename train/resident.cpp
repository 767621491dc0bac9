#include "train/resident.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "train/data/for_each_item.h"
#include "train/memory_plan.h"

namespace sg {

namespace {

constexpr size_t piece_bytes = size_t{16} << 20;  // read by all threads, then uploaded

size_t bytes_of_image(ImageSize size) {
    return size_t{3} * size_t(size.height) * size_t(size.width);
}

/// Zeros if the item does not decode.
bool try_read(const Dataset& dataset, int64_t item, ImageSize size, std::span<uint8_t> pixels) {
    try {
        dataset.read_image(item, size, pixels);
    } catch (const Error&) {
        std::fill(pixels.begin(), pixels.end(), uint8_t{0});
        return false;
    }
    return true;
}

size_t minus_reserve(size_t bytes) {
    return bytes > reserve_bytes ? bytes - reserve_bytes : 0;
}

/// For setting "on": all or an Error.
void require_resident(const std::vector<const Dataset*>& data, ImageSize size,
                      const Device::Memory& available) {
    size_t all = 0;
    for (const Dataset* set : data) {
        require(set->stored(size), "resident",
                "the images of {} are not packed at {}x{} (height x width), so they cannot be kept "
                "on the device",
                set->label_group().name, size.height, size.width);
        all += image_bytes(*set, size);
    }
    if (available.total == 0 || all <= minus_reserve(available.free)) return;
    throw Error("resident",
                fmt::format("the images take {} of device memory; beside the training {} of {} are "
                            "free, of which {} are for libraries",
                            gigabytes(all), gigabytes(available.free), gigabytes(available.total),
                            gigabytes(reserve_bytes)),
                "resident auto keeps what fits, off keeps none");
}

}  // namespace

ResidentImages::ResidentImages(Device& device, const Dataset& dataset, ImageSize size, int threads)
    : device_(&device),
      count_(dataset.size()),
      size_(size),
      memory_(Arena::alignment, device.blocks()),
      images_(static_cast<uint8_t*>(memory_.allocate(sg::image_bytes(dataset, size)))) {
    const size_t bytes = bytes_of_image(size), all = size_t(count_);
    const size_t at_once = std::clamp<size_t>(piece_bytes / bytes, 1, all);
    std::vector<uint8_t> pixels(at_once * bytes), damaged(at_once);
    for (size_t first = 0; first < all; first += at_once) {
        const size_t count = std::min(at_once, all - first);
        for_each_item(count, threads, [&](size_t i) {
            const auto image = std::span(pixels).subspan(i * bytes, bytes);
            damaged[i] = !try_read(dataset, int64_t(first + i), size, image);
        });
        for (size_t i = 0; i < count; ++i)
            if (damaged[i]) damaged_.push_back(int64_t(first + i));
        device.upload(images_ + first * bytes, pixels.data(), count * bytes);
    }
}

size_t image_bytes(const Dataset& dataset, ImageSize size) {
    return size_t(dataset.size()) * bytes_of_image(size);
}

std::vector<bool> choose_resident(const std::string& setting,
                                  const std::vector<const Dataset*>& data, ImageSize size,
                                  const Device::Memory& available) {
    require(setting == "auto" || setting == "on" || setting == "off", "resident",
            "the setting is '{}', expected auto, on or off", setting);
    if (setting == "on") {
        require_resident(data, size, available);
        return std::vector<bool>(data.size(), true);
    }
    std::vector<bool> chosen(data.size(), false);
    if (setting == "off" || available.total == 0) return chosen;
    size_t left = minus_reserve(available.free);
    for (size_t i = 0; i < data.size(); ++i) {
        const size_t bytes = image_bytes(*data[i], size);
        chosen[i] = bytes <= left && data[i]->stored(size);
        if (chosen[i]) left -= bytes;
    }
    return chosen;
}

std::vector<std::unique_ptr<ResidentImages>> make_resident(
    Device& device, const std::string& setting, const std::vector<const Dataset*>& data,
    ImageSize size, const std::function<void(const std::string& line)>& say) {
    const std::vector<bool> chosen = choose_resident(setting, data, size, device.memory());
    std::vector<std::unique_ptr<ResidentImages>> sets(data.size());
    for (size_t i = 0; i < data.size(); ++i) {
        const std::string what =
            fmt::format("{} of images of {}", gigabytes(image_bytes(*data[i], size)),
                        data[i]->label_group().name);
        if (chosen[i]) {
            sets[i] = std::make_unique<ResidentImages>(device, *data[i], size);
            say(fmt::format("device memory: {}\n", what));
        } else if (setting == "auto" && device.memory().total > 0 && data[i]->stored(size)) {
            say(fmt::format("{} do not fit beside the training and are uploaded batch by batch\n",
                            what));
        }
    }
    return sets;
}

}  // namespace sg
