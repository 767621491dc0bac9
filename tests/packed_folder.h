#pragma once

#include "tests/pack_cases.h"
#include "train/data/pack_dataset.h"
#include "train/make_pack.h"

namespace sg::testing {

/// A pack of a folder of random images, one of them broken, made like any other.
struct PackedFolder {
    explicit PackedFolder(int count = 12) {
        source = folders_source(random_folders(dice, dir, count), dice.roll(0, 30));
        size = {dice.roll(1, 9), dice.roll(1, 9)};
        dir.write("data/happy/broken.png", "no picture");
        make_pack({.source = source, .out = path(), .open = {.size = size}});
    }
    std::string path() const { return dir.path() + "/all.sgpack"; }
    std::unique_ptr<Dataset> open(const DataSource& selection = {}) const {
        return make_pack_dataset(std::make_unique<PackFile>(path()), selection, {});
    }
    uint64_t index_begin() const { return image_begin(PackFile(path()).index().list.names.size()); }
    uint64_t image_begin(size_t image) const {
        return pack_preamble_bytes + image * pack_image_bytes(size);
    }

    TempDir dir;
    Dice dice;
    DataSource source;
    ImageSize size;
};

}  // namespace sg::testing
