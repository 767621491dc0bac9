#include "train/training_data.h"

#include <utility>

#include "kernels/common/philox.h"
#include "train/open_dataset.h"

namespace sg {

struct TrainingData::Feed {
    Loader loader;
    BatchUploader uploader;
    const JointSchedule& schedule;
    JointSchedule::Batches there{};           // on the device
    std::vector<TrainingBatch> batches = {};  // these; empty ones have been taken
    size_t reported = 0;                      // of the images that were skipped
};

uint64_t seed_of_set(uint64_t seed, int set) {
    if (set == 0) return seed;
    const auto words = Rng{.seed = seed, .purpose = RngPurpose::data_set}.words(uint64_t(set));
    return uint64_t{words[0]} << 32 | words[1];
}

TrainingData::TrainingData(const TrainConfig& config, const std::filesystem::path& cache,
                           const Say& say, const std::atomic<bool>* stop)
    : config_(config) {
    for (auto& dataset : open_datasets(config, cache, say, stop)) {
        layout_.groups.push_back(dataset->label_group());
        const int64_t test_count = effective_test_count(config, dataset->listed());
        Split split = make_split(*dataset, test_count, uint64_t(config.seed));
        sets_.push_back({std::move(dataset), std::move(split)});
    }
    resident_.resize(sets_.size());
}

TrainingData::~TrainingData() = default;

std::string TrainingData::report() const {
    std::string text;
    for (const auto& [dataset, split] : sets_) {
        if (sets_.size() > 1)
            text += fmt::format("{}data set {}\n", text.empty() ? "" : "\n",
                                dataset->label_group().name);
        text += to_string(dataset->summary(), dataset->label_group());
        text += fmt::format("{:<28} {}\n{:<28} {}\n", "training images", split.train.size(),
                            "held-out images", split.test.size());
    }
    return text;
}

std::string TrainingData::held_out_items() const {
    std::string text;
    for (const auto& [dataset, split] : sets_) {
        if (sets_.size() > 1) text += fmt::format("[{}]\n", dataset->label_group().name);
        for (const int64_t item : split.test) text += dataset->item_name(item) + "\n";
    }
    return text;
}

std::vector<std::string> TrainingData::held_out_hashes() const {
    std::vector<std::string> hashes;
    for (const auto& [dataset, split] : sets_) hashes.push_back(held_out_hash(*dataset, split));
    return hashes;
}

void TrainingData::require_trainable(int batch) const {
    for (const Set& set : sets_) sg::require_trainable(*set.dataset, set.split, batch);
}

void TrainingData::make_resident(Device& device, const Say& say) {
    std::vector<const Dataset*> data;
    for (const Set& set : sets_) data.push_back(set.dataset.get());
    resident_ = sg::make_resident(device, config_.resident, data,
                                  parse_image_size(config_.image_size), say);
}

void TrainingData::start(Device& device, const JointSchedule& schedule, int64_t iteration) {
    feeds_.clear();
    const ImageSize size = parse_image_size(config_.image_size);
    for (int k = 0; k < sets(); ++k) {
        LoaderOptions options = loader_options(config_);
        options.seed = seed_of_set(uint64_t(config_.seed), k);
        options.threads = std::max(1, options.threads / sets());
        options.cache_bytes /= sets();
        const ResidentImages* resident = resident_[k].get();
        options.pixels = !resident;
        if (resident) options.damaged = resident->damaged();
        const auto first = schedule.together(schedule.batches_before(k, iteration));
        options.prefetch = std::max(options.prefetch, schedule.together(0).count + 1);
        feeds_.emplace_back(new Feed{
            .loader = {*sets_[k].dataset, sets_[k].split.train, options, first.first},
            .uploader = {device, config_.batch_size, size, layout_, k, options.seed, resident},
            .schedule = schedule});
    }
}

std::span<TrainingBatch> TrainingData::fetch(const JointSchedule::Step& step) {
    Feed& feed = *feeds_[step.set];
    const JointSchedule::Batches wanted = feed.schedule.together(step.batch);
    if (wanted == feed.there) return {};
    feed.batches.clear();
    for (int i = 0; i < wanted.count; ++i)
        feed.batches.push_back(feed.uploader.upload(feed.loader.next()));
    feed.there = wanted;
    return feed.batches;
}

TrainingBatch TrainingData::take(const JointSchedule::Step& step) {
    Feed& feed = *feeds_[step.set];
    return std::exchange(feed.batches[step.batch - feed.there.first], {});
}

std::vector<std::string> TrainingData::new_skips() {
    std::vector<std::string> names;
    for (const auto& feed : feeds_) {
        const auto skipped = feed->loader.skipped();
        names.insert(names.end(), skipped.begin() + int64_t(feed->reported), skipped.end());
        feed->reported = skipped.size();
    }
    return names;
}

}  // namespace sg
