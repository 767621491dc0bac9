#include "train/eval/pairwise_translator.h"

#include <algorithm>

#include "train/config.h"
#include "train/pairwise.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

/// The configuration of a run, whose classes are named.
TrainConfig config_of(const fs::path& run) {
    TrainConfig config;
    apply_toml_file(config, (run / "config.toml").string());
    return config;
}

int class_of(std::span<const float> labels) {
    return int(std::max_element(labels.begin(), labels.end()) - labels.begin());
}

}  // namespace

PairwiseTranslator::PairwiseTranslator(Device& device, const fs::path& run) {
    const TrainConfig config = config_of(run);
    for (const PairwiseRun& one : plan_pairwise(config, run)) {
        auto pair = std::make_unique<StarGanTranslator>(device, resolve_checkpoint(one.folder));
        const CheckpointInfo& info = pair->info();
        if (pairs_.empty()) info_.model = info.model;
        info_.iteration += info.iteration;
        info_.g_updates += info.g_updates;
        info_.d_updates += info.d_updates;
        info_.crop_sizes = info.crop_sizes;
        if (info.iteration < one.config.num_iters)
            notes_.push_back(fmt::format("pair {} is at iteration {} of {}",
                                         one.folder.filename().string(), info.iteration,
                                         one.config.num_iters));
        pairs_[{one.from, one.to}] = std::move(pair);
    }
    info_.model.labels.groups.front().names = data_sources(config).front().labels;
    info_.seed = uint64_t(config.seed);
    info_.settings = to_json(config);
}

int64_t PairwiseTranslator::parameters() const {
    int64_t sum = 0;
    for (const auto& [pair, translator] : pairs_) sum += translator->parameters();
    return sum;
}

Tensor PairwiseTranslator::translate(const Tensor& images, std::span<const float> own,
                                     std::span<const float> target) const {
    require_translatable(labels(), images, own, target);
    const auto classes = size_t(labels().label_dim());
    const int64_t pixels = images.size() / images.dim(0);
    std::map<std::pair<int, int>, std::vector<int64_t>> work;  // images per generator
    for (int64_t n = 0; n < images.dim(0); ++n)
        work[{class_of(own.subspan(size_t(n) * classes, classes)),
              class_of(target.subspan(size_t(n) * classes, classes))}]
            .push_back(n);
    Tensor out = Tensor::empty(images.device(), images.shape(), images.dtype());
    Shape one = images.shape();
    one[0] = 1;
    const auto picture = [&](const Tensor& from, int64_t n) {
        return from.slice_flat(n * pixels, one);
    };
    for (const auto& [pair, items] : work) {
        Shape shape = images.shape();
        shape[0] = int64_t(items.size());
        Tensor part = Tensor::empty(images.device(), shape, images.dtype());
        for (size_t i = 0; i < items.size(); ++i)
            picture(part, int64_t(i)).copy_from(picture(images, items[i]));
        if (pair.first != pair.second) {
            std::vector<float> from, to;  // each generator knows its two classes, in this order
            for (size_t i = 0; i < items.size(); ++i) {
                from.insert(from.end(), {1, 0});
                to.insert(to.end(), {0, 1});
            }
            part = pairs_.at(pair)->translate(part, from, to);
        }
        for (size_t i = 0; i < items.size(); ++i)
            picture(out, items[i]).copy_from(picture(part, int64_t(i)));
    }
    return out;
}

}  // namespace sg
