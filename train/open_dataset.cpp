#include "train/open_dataset.h"

#include <filesystem>

#include "kernels/common/error.h"
#include "train/data/celeba.h"
#include "train/data/folders.h"
#include "train/data/synth_dataset.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

// Decoding every image before training takes a second for some ten thousand small ones; beyond
// that headers are checked, and an image that fails later is replaced and named.
constexpr uintmax_t verify_all_limit = 20000;

bool is_small(const fs::path& directory) {
    std::error_code error;
    uintmax_t count = 0;
    for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error))
        if (++count > verify_all_limit) return false;
    return true;
}

/// The images and the attribute file of a CelebA download: images may lie in a folder beside it.
struct CelebaPaths {
    std::string images, attributes;
};
std::string attribute_file_in(const fs::path& folder) {
    for (const char* name : {"list_attr_celeba.txt", "list_attr_celeba.csv"})
        if (fs::exists(folder / name)) return (folder / name).string();
    return {};
}
CelebaPaths find_celeba(const std::string& path, const std::string& attr_path) {
    CelebaPaths found{path, attr_path};
    if (found.attributes.empty()) found.attributes = attribute_file_in(path);
    if (found.attributes.empty()) found.attributes = attribute_file_in(fs::absolute(path) / "..");
    for (const char* name : {"images", "img_align_celeba", "CelebA_nocrop/images"})
        if (attr_path.empty() && fs::is_directory(fs::path(path) / name)) {
            found.images = (fs::path(path) / name).string();
            break;
        }
    return found;
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const TrainConfig& c) {
    if (c.dataset == "synth")
        return std::make_unique<SynthDataset>(SynthGroup::attributes, c.synth_count, c.seed);
    if (c.dataset == "synth-expressions")
        return std::make_unique<SynthDataset>(SynthGroup::expressions, c.synth_count, c.seed);
    if (c.dataset == "folders")
        return open_folders({.root = c.data,
                             .crop = effective_crop(c),
                             .verify_all = is_small(c.data),
                             .threads = c.threads,
                             .name = "folders"});
    const CelebaPaths paths = find_celeba(c.data, c.attr_path);
    require(!paths.attributes.empty(), "data set",
            "no list_attr_celeba.txt in {} or beside it; name it with --attr-path", c.data);
    return open_celeba({.image_dir = paths.images,
                        .attr_path = paths.attributes,
                        .attributes = c.selected_attrs,
                        .crop = effective_crop(c),
                        .verify_all = is_small(paths.images),
                        .threads = c.threads,
                        .name = "celeba"});
}

std::unique_ptr<Dataset> detect_dataset(const DetectOptions& o) {
    require(fs::is_directory(o.path), "data set", "{} is not a directory", o.path);
    const CelebaPaths paths = find_celeba(o.path, o.attr_path);
    if (!paths.attributes.empty())
        return open_celeba({.image_dir = paths.images,
                            .attr_path = paths.attributes,
                            .attributes = o.attributes,
                            .crop = o.crop,
                            .verify_all = true,
                            .threads = 0,
                            .name = "celeba"});
    return open_folders(
        {.root = o.path, .crop = o.crop, .verify_all = true, .threads = 0, .name = "folders"});
}

}  // namespace sg
