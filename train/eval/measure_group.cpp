#include "train/eval/measure_group.h"

#include <algorithm>

#include "train/samples.h"

namespace sg {

void DiversityMeter::add(std::span<const uint8_t> input,
                         const std::vector<std::span<const uint8_t>>& outputs) {
    constexpr double nearly_equal = 1;  // in 1/255, mean over the picture
    int64_t equal = 0, pairs = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
        change_.add(outputs[i], input);
        for (size_t j = 0; j < i; ++j) {
            PixelError error;
            error.add(outputs[i], outputs[j]);
            between_.add(error);
            equal += error.mean() < nearly_equal;
            ++pairs;
        }
    }
    ++faces_;
    some_equal_ += equal > 0;
    all_equal_ += pairs > 0 && equal == pairs;
}

DiversityScore DiversityMeter::score() const {
    return {.faces = faces_,
            .between = between_.mean(),
            .change = change_.mean(),
            .some_equal = double(some_equal_) / double(faces_),
            .all_equal = double(all_equal_) / double(faces_)};
}

std::vector<uint8_t> true_pictures(const Dataset& data, std::span<const int64_t> items,
                                   std::span<const float> labels, ImageSize size) {
    const auto* synth = dynamic_cast<const SynthDataset*>(&data);
    if (!synth) return {};
    const size_t bytes = size_t(size.height) * size_t(size.width) * 3;
    std::vector<uint8_t> pixels(bytes * items.size());
    for (size_t n = 0; n < items.size(); ++n)
        synth->render_with_labels(items[n], row_of(labels, int64_t(n), data.label_group().dim()),
                                  size, std::span(pixels).subspan(n * bytes, bytes));
    return pixels;
}

namespace {

class GroupMeter {
  public:
    GroupMeter(Device& device, const GroupTest& test)
        : device_(device),
          test_(test),
          labels_(test.translator.labels().groups.at(size_t(test.group))) {
        for (int label = 0; label < labels_.dim(); ++label) targets_.emplace_back(labels_, label);
    }

    /// translated() is called after each target.
    void add(std::span<const int64_t> items, std::vector<std::string>& notes,
             const std::function<void()>& translated) {
        SeenImages seen{.in = read_held_out(device_, test_.data, items, test_.size, notes),
                        .judged = {},
                        .unchanged = {}};
        if (seen.in.count() == 0) return;
        if (dynamic_cast<const SynthDataset*>(&test_.data) &&
            test_.translator.translates_to_own_labels()) {
            const auto own = full_labels(test_.translator.labels(), test_.group, seen.in.labels);
            const Tensor same = test_.translator.translate(seen.in.images, own, own);
            seen.unchanged = picture_bytes(same.to_host_f32());
        }
        seen.judged = test_.judge(seen.in.images);
        images_ += seen.in.count();
        real_.dim = int64_t(seen.judged.features.size()) / seen.in.count();
        const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
            to.insert(to.end(), from.begin(), from.end());
        };
        append(real_.features, seen.judged.features);
        append(real_.labels, seen.in.labels);
        std::vector<SeenTranslations> made;
        for (int label = 0; label < labels_.dim(); ++label) {
            made.push_back(translations(seen, label));
            targets_[size_t(label)].add(seen, made.back());
            made.back().back = {};  // large, and has been compared
            translated();
        }
        add_diversity(seen, made, &SeenTranslations::pixels, diversity_);
        if (made.front().truth.empty()) return;
        if (!true_diversity_) true_diversity_.emplace();
        add_diversity(seen, made, &SeenTranslations::truth, *true_diversity_);
    }

    GroupResult result() const {
        GroupResult result;
        result.report.labels = labels_;
        result.report.images = images_;
        std::vector<float> all;
        for (const TargetMeter& target : targets_) {
            result.report.targets.push_back(target.report(real_, test_.seed));
            all.insert(all.end(), target.features().begin(), target.features().end());
            result.cases.push_back({target.by_truth(), target.cases()});
        }
        result.report.overall = combine(result.report.targets);
        result.report.overall.frechet = frechet_score(all, real_.features, real_.dim);
        result.report.diversity = diversity_.score();
        if (true_diversity_) result.report.true_diversity = true_diversity_->score();
        result.report.floor = floor();
        return result;
    }

  private:
    SeenTranslations translations(const SeenImages& seen, int label) const {
        SeenTranslations made;
        const int64_t dim = labels_.dim();
        for (int64_t n = 0; n < seen.in.count(); ++n) {
            const auto target = target_labels(labels_, row_of(seen.in.labels, n, dim), label);
            made.targets.insert(made.targets.end(), target.begin(), target.end());
        }
        const LabelLayout& layout = test_.translator.labels();
        const auto own = full_labels(layout, test_.group, seen.in.labels);
        const auto target = full_labels(layout, test_.group, made.targets);
        const Tensor there = test_.translator.translate(seen.in.images, own, target);
        made.pixels = picture_bytes(there.to_host_f32());
        made.judged = test_.judge(there);
        made.back = test_.translator.translate(there, target, own).to_host_f32();
        made.truth = true_pictures(test_.data, seen.in.items, made.targets, test_.size);
        return made;
    }

    static void add_diversity(const SeenImages& seen, const std::vector<SeenTranslations>& made,
                              std::vector<uint8_t> SeenTranslations::*pixels,
                              DiversityMeter& meter) {
        const int64_t count = seen.in.count(), size = int64_t(seen.in.pixels.size()) / count;
        for (int64_t n = 0; n < count; ++n) {
            std::vector<std::span<const uint8_t>> outputs;
            for (const SeenTranslations& one : made)
                outputs.push_back(row_of(one.*pixels, n, size));
            meter.add(row_of(seen.in.pixels, n, size), outputs);
        }
    }

    /// Every other real image against those between.
    FrechetScore floor() const {
        std::vector<float> halves[2];
        for (int64_t n = 0; n < images_; ++n) {
            const auto row = row_of(real_.features, n, real_.dim);
            halves[n % 2].insert(halves[n % 2].end(), row.begin(), row.end());
        }
        return frechet_score(halves[0], halves[1], real_.dim);
    }

    Device& device_;
    const GroupTest& test_;
    const LabelGroup& labels_;
    std::vector<TargetMeter> targets_;
    int64_t images_ = 0;
    RealFeatures real_;
    DiversityMeter diversity_;
    std::optional<DiversityMeter> true_diversity_;
};

}  // namespace

GroupResult measure_group(Device& device, const GroupTest& test, const Progress& progress,
                          std::vector<std::string>& notes) {
    GroupMeter meter(device, test);
    const int64_t targets = test.translator.labels().groups[size_t(test.group)].dim();
    in_slices(test.items, test.slice, targets, progress,
              [&](auto part, const auto& step) { meter.add(part, notes, step); });
    return meter.result();
}

}  // namespace sg
