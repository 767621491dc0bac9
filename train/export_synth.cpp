#include "train/export_synth.h"

#include <algorithm>

#include "engine/atomic_file.h"
#include "kernels/common/error.h"
#include "train/data/image_io.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

void require_new(const fs::path& out) {
    require(!fs::exists(out) || fs::is_empty(out), "synth", "{} exists and is not empty",
            out.string());
}

void write_face(const SynthDataset& data, int64_t item, ImageSize size, const fs::path& path) {
    Image image{.height = size.height, .width = size.width, .pixels = {}};
    image.pixels.resize(size_t(size.height) * size.width * 3);
    data.read_image(item, size, image.pixels);
    write_png(path.string(), image);
}

std::string file_name(int64_t item) {
    return fmt::format("{:06}.png", item + 1);
}

}  // namespace

void export_celeba(const ExportSynthRequest& request) {
    const SynthDataset data(request.group, request.count, request.seed);
    require_new(request.out);
    fs::create_directories(request.out / "images");
    const LabelGroup& group = data.label_group();
    std::string rows = fmt::format("{}\n{}\n", data.size(), fmt::join(group.names, " "));
    std::vector<float> labels(group.dim());
    for (int64_t item = 0; item < data.size(); ++item) {
        write_face(data, item, request.size, request.out / "images" / file_name(item));
        data.read_labels(item, labels);
        rows += file_name(item);
        for (float label : labels) rows += label > 0.5f ? "  1" : " -1";
        rows += "\n";
    }
    write_file_atomically(request.out / "list_attr_celeba.txt", rows);
}

void export_folders(const ExportSynthRequest& request) {
    require(request.group == SynthGroup::expressions, "synth",
            "class folders hold one class per image: use --group expressions");
    require(request.test_share >= 0 && request.test_share < 1, "synth",
            "test share is {}, expected 0 to 1", request.test_share);
    const SynthDataset data(request.group, request.count, request.seed);
    require_new(request.out);
    const LabelGroup& group = data.label_group();
    const auto train_count = int64_t(double(data.size()) * (1 - request.test_share));
    std::vector<float> labels(group.dim());
    for (int64_t item = 0; item < data.size(); ++item) {
        data.read_labels(item, labels);
        const auto label = std::find(labels.begin(), labels.end(), 1.0f) - labels.begin();
        const fs::path folder =
            request.out / (item < train_count ? "train" : "test") / group.names[label];
        fs::create_directories(folder);
        write_face(data, item, request.size, folder / file_name(item));
    }
}

}  // namespace sg
