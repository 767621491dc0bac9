#include "train/open_dataset.h"

#include "train/data/list_files.h"
#include "train/data/synth_dataset.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

// Decoding every image before training takes a second for some ten thousand small ones; beyond
// that headers are checked, and an image that fails later is replaced and named.
constexpr size_t verify_all_limit = 20000;

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DataSource& source, const OpenOptions& o) {
    check_keys(source);
    if (source.kind == "synth") {
        const bool expressions = source.place == "expressions";
        return std::make_unique<SynthDataset>(
            expressions ? SynthGroup::expressions : SynthGroup::attributes, o.synth_count, o.seed,
            source.labels, source.name);
    }
    FileList files = list_files(source, o.seed);
    const bool verify_all = o.verify_all || files.names.size() <= verify_all_limit;
    return make_file_dataset(std::move(files), {.verify_all = verify_all, .threads = o.threads});
}

std::vector<std::unique_ptr<Dataset>> open_datasets(
    const TrainConfig& c, const fs::path& cache,
    const std::function<void(const std::string& line)>& say) {
    const OpenOptions options{.size = parse_image_size(c.image_size),
                              .pack_folder = c.packs == "auto"  ? cache
                                             : c.packs == "off" ? fs::path{}
                                                                : fs::path(c.packs),
                              .synth_count = c.synth_count,
                              .seed = uint64_t(c.seed),
                              .threads = c.threads,
                              .say = say};
    std::vector<std::unique_ptr<Dataset>> sets;
    for (const DataSource& source : data_sources(c)) sets.push_back(open_dataset(source, options));
    return sets;
}

}  // namespace sg
