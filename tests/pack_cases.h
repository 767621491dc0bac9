#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/temp_dir.h"
#include "train/data/folders.h"
#include "train/data/pack_cache.h"
#include "train/data/pack_file.h"
#include "train/data/pack_writer.h"
#include "train/open_dataset.h"

namespace sg::testing {

/// Other numbers in every run of the tests; the seed is part of what a failure prints.
class Dice {
  public:
    /// low <= result <= high.
    int roll(int low, int high) { return std::uniform_int_distribution(low, high)(engine_); }
    unsigned seed() const { return seed_; }

  private:
    unsigned seed_ = std::random_device{}();
    std::mt19937 engine_{seed_};
};

inline Image random_image(Dice& dice, int height, int width) {
    Image image{height, width, std::vector<uint8_t>(size_t(height) * width * 3)};
    for (uint8_t& byte : image.pixels) byte = uint8_t(dice.roll(0, 255));
    return image;
}

/// ROOT/data/{happy,sad}/: `count` random images of random sizes, PNG and JPEG.
inline std::string random_folders(Dice& dice, const TempDir& dir, int count) {
    for (int i = 0; i < count; ++i) {
        const Image image = random_image(dice, dice.roll(5, 40), dice.roll(5, 40));
        const std::string name = fmt::format("data/{}/{:02}", i % 3 ? "happy" : "sad", i);
        dice.roll(0, 1) ? write_png(dir.file(name + ".png"), image)
                        : write_jpg(dir.file(name + ".jpg"), image);
    }
    return dir.path() + "/data";
}

inline DataSource folders_source(const std::string& root, int crop = 0) {
    return {
        .kind = "folders", .place = root, .name = "folders", .test = {}, .attr = {}, .crop = crop};
}

inline std::vector<uint8_t> pixels_of(const Dataset& data, int64_t item, ImageSize size) {
    std::vector<uint8_t> pixels(pack_image_bytes(size));
    data.read_image(item, size, pixels);
    return pixels;
}

/// All images of a data set.
inline std::vector<std::vector<uint8_t>> all_pixels(const Dataset& data, ImageSize size) {
    std::vector<std::vector<uint8_t>> all;
    for (int64_t i = 0; i < data.size(); ++i) all.push_back(pixels_of(data, i, size));
    return all;
}

inline std::vector<std::vector<float>> all_labels(const Dataset& data) {
    std::vector<std::vector<float>> all(size_t(data.size()));
    for (size_t i = 0; i < all.size(); ++i) {
        all[i].resize(data.label_group().names.size());
        data.read_labels(int64_t(i), all[i]);
    }
    return all;
}

/// Names of the files in a folder that end in `end`, sorted; none if there is no folder.
inline std::vector<std::string> files_in(const std::string& folder, const std::string& end = {}) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(end)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

inline void flip_byte(const std::string& path, uint64_t offset, int mask = 0x10) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(std::streamoff(offset));
    const int byte = file.get();
    file.seekp(std::streamoff(offset));
    file.put(char(byte ^ mask));
}

/// Writes other bytes into a file, of the same length, and gives it its time back.
inline void replace_secretly(const std::string& path) {
    const auto time = std::filesystem::last_write_time(path);
    const auto size = std::filesystem::file_size(path);
    std::ofstream(path, std::ios::binary) << std::string(size, 'x');
    std::filesystem::last_write_time(path, time);
}

/// A folder of random images and a cache, opened again and again.
struct Cached {
    explicit Cached(int count = 12) { source = folders_source(random_folders(dice, dir, count)); }

    std::unique_ptr<Dataset> open() {
        said.clear();
        return open_dataset(source, {.size = size,
                                     .pack_folder = folder,
                                     .say = [this](const std::string& line) { said += line; }});
    }
    /// What decoding the files gives.
    std::unique_ptr<Dataset> decoded() const { return open_dataset(source, {}); }
    std::string image(int64_t item) const {
        return source.place + "/" + decoded()->item_name(item);
    }
    std::vector<std::string> packs() const { return files_in(folder, ".sgpack"); }

    TempDir dir;
    Dice dice;
    DataSource source;
    ImageSize size{dice.roll(2, 8), dice.roll(2, 8)};
    std::string folder = dir.path() + "/cache/packs";
    std::string said;
};

}  // namespace sg::testing
