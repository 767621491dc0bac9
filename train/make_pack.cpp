#include "train/make_pack.h"

#include "kernels/common/error.h"
#include "train/data/list_files.h"
#include "train/data/pack_cache.h"
#include "train/data/pack_writer.h"

namespace sg {
namespace {

FileList list_items(const Dataset& data) {
    FileList list{.root = {},
                  .group = data.label_group(),
                  .names = {},
                  .labels = {},
                  .held_out = {},
                  .summary = data.summary()};
    std::vector<float> labels(size_t(list.group.dim()));
    for (int64_t i = 0; i < data.size(); ++i) {
        list.names.push_back(data.item_name(i));
        data.read_labels(i, labels);
        list.labels.insert(list.labels.end(), labels.begin(), labels.end());
    }
    const auto test = data.fixed_test_items();
    if (!test.empty()) list.held_out.resize(list.names.size());
    for (const int64_t item : test) list.held_out[size_t(item)] = 1;
    return list;
}

/// Of images that are not files.
PackJob drawn_pack_job(std::shared_ptr<const Dataset> data, ImageSize size) {
    const auto read = [data, size](size_t item, std::span<uint8_t> pixels) {
        data->read_image(int64_t(item), size, pixels);
        return ImageInfo{};
    };
    return {.list = list_items(*data),
            .size = size,
            .source = {},
            .place = {},
            .content = {},
            .read = read};
}

}  // namespace

PackIndex make_pack(const MakePackRequest& r) {
    require(r.source.kind != "pack", "pack", "{} is a pack already", r.source.place);
    require(r.out.extension() == ".sgpack", "pack", "{} does not end in .sgpack", r.out.string());
    require(!std::filesystem::exists(r.out), "pack", "{} exists already", r.out.string());
    PackJob job = r.source.kind == "synth"
                      ? drawn_pack_job(open_dataset(r.source, r.open), r.open.size)
                      : file_pack_job(list_files(r.source, r.open.seed), r.open.size);
    const auto print = pack_fingerprint(job.list, r.source, r.open.size, r.open.threads);
    job.source = to_string(absolute_source(r.source));
    job.place = print.place;
    job.content = print.content;
    job.threads = r.open.threads;
    job.stop = r.open.stop;
    job.progress = r.progress;
    return write_pack(r.out, std::move(job));
}

}  // namespace sg
