#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "train/data/image_io.h"

namespace sg::testing {

/// A directory of its own for one test, removed with all in it.
class TempDir {
  public:
    TempDir() {
        static std::atomic<int> counter{0};
        path_ = std::filesystem::temp_directory_path() /
                ("sg_test_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
        std::filesystem::create_directories(path_);
        path_ = std::filesystem::canonical(path_);  // as data sets name their folders
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    std::string path() const { return path_.string(); }

    /// Full path of `name` below the directory; its parents are created.
    std::string file(const std::string& name) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        return (path_ / name).string();
    }
    std::string write(const std::string& name, const std::string& content) const {
        std::ofstream(file(name), std::ios::binary) << content;
        return file(name);
    }

  private:
    std::filesystem::path path_;
};

/// Pixel (y, x, c) is (37 y + 59 x + 83 c + 7 x y + seed) mod 256: no two neighbours alike.
inline Image pattern_image(int height, int width, int seed = 0) {
    Image image{height, width, {}};
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < 3; ++c) {
                image.pixels.push_back(uint8_t(37 * y + 59 * x + 83 * c + 7 * x * y + seed));
            }
        }
    }
    return image;
}

/// Matches a text that holds `part`; Catch2 renamed its own between versions 2 and 3.
inline auto mentions(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
    return Catch::Matchers::ContainsSubstring(part);
#else
    return Catch::Matchers::Contains(part);
#endif
}

inline std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace sg::testing
