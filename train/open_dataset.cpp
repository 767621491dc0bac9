#include "train/open_dataset.h"

#include "kernels/common/error.h"
#include "train/data/list_files.h"
#include "train/data/pack_cache.h"
#include "train/data/pack_dataset.h"
#include "train/data/synth_dataset.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

// Decoding every image before training takes a second for some ten thousand small ones; beyond
// that headers are checked, and an image that fails later is replaced and named.
constexpr size_t verify_all_limit = 20000;

bool has_files(const std::string& kind) {
    return kind != "synth" && kind != "pack";
}

/// What became of the data since a pack was made of it; empty: nothing, as far as can be seen.
std::string change_of_source(const PackIndex& index, uint64_t seed, int threads) {
    try {
        const DataSource source = parse_data_source(index.source);
        if (!has_files(source.kind) || !fs::exists(source.place)) return {};
        const auto now = pack_fingerprint(list_files(source, seed), source, index.size, threads);
        if (now.content == index.content) return {};
        return fmt::format("the files of {} have changed since they were packed", index.source);
    } catch (const std::exception& error) {
        return fmt::format("{}, of which the pack was made, can no longer be read: {}",
                           index.source, error.what());
    }
}

std::unique_ptr<Dataset> open_pack(const DataSource& source, const OpenOptions& o) {
    for (const auto& [key, given] : {std::pair{"test", !source.test.empty()},
                                     {"attr", !source.attr.empty()},
                                     {"align", source.align},
                                     {"angles", !source.angles.empty()}})
        require(!given, "data", "{} does not fit {}: a pack holds what was chosen when it was made",
                key, source.place);
    auto pack = std::make_unique<PackFile>(source.place);
    const auto [height, width] = pack->index().size;
    if (o.size.height > 0 && o.size != pack->index().size)
        throw Error("data",
                    fmt::format("{} holds images of {}x{} pixels (height x width), this run is for "
                                "{}x{}",
                                source.place, height, width, o.size.height, o.size.width),
                    fmt::format("use --image-size {}x{}, or pack the images again", height, width));
    std::vector<std::string> notes;
    if (auto note = change_of_source(pack->index(), o.seed, o.threads); !note.empty())
        notes.push_back(std::move(note));
    return make_pack_dataset(std::move(pack), source, notes);
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DataSource& source, const OpenOptions& o) {
    check_keys(source);
    if (source.kind == "synth") {
        const bool expressions = source.place == "expressions";
        return std::make_unique<SynthDataset>(
            expressions ? SynthGroup::expressions : SynthGroup::attributes, o.synth_count, o.seed,
            source.labels, source.name);
    }
    if (source.kind == "pack") return open_pack(source, o);
    FileList files = list_files(source, o.seed);
    if (!o.pack_folder.empty()) {
        auto packed = open_packed(files, source,
                                  {.folder = o.pack_folder,
                                   .size = o.size,
                                   .threads = o.threads,
                                   .say = o.say,
                                   .stop = o.stop});
        if (packed) return packed;
    }
    const bool verify_all = o.verify_all || files.names.size() <= verify_all_limit;
    return make_file_dataset(std::move(files), {.verify_all = verify_all, .threads = o.threads});
}

std::vector<std::unique_ptr<Dataset>> open_datasets(
    const TrainConfig& c, const fs::path& cache,
    const std::function<void(const std::string& line)>& say, const std::atomic<bool>* stop) {
    const OpenOptions options{.size = parse_image_size(c.image_size),
                              .pack_folder = c.packs == "auto"  ? cache
                                             : c.packs == "off" ? fs::path{}
                                                                : fs::path(c.packs),
                              .synth_count = c.synth_count,
                              .seed = uint64_t(c.seed),
                              .threads = c.threads,
                              .say = say,
                              .stop = stop};
    std::vector<std::unique_ptr<Dataset>> sets;
    for (const DataSource& source : data_sources(c)) sets.push_back(open_dataset(source, options));
    return sets;
}

}  // namespace sg
