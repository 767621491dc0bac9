// What several targets, or none, amount to.
#include <cmath>

#include "kernels/common/error.h"
#include "train/eval/target_meter.h"

namespace sg {

namespace {

/// A mean weighted by numbers of images.
class Mean {
  public:
    void add(double value, int64_t weight) {
        sum_ += value * double(weight);
        weight_ += weight;
    }
    double value() const { return sum_ / double(weight_); }
    bool empty() const { return weight_ == 0; }

  private:
    double sum_ = 0;
    int64_t weight_ = 0;
};

void combine_judged(const std::vector<TargetReport>& targets, TargetReport& all) {
    Mean asked, copy, real, kept;
    for (const TargetReport& target : targets) {
        if (!target.judged) continue;
        asked.add(target.judged->asked, target.images);
        copy.add(target.judged->copy, target.images);
        real.add(target.judged->real, target.images);
        if (target.judged->others_kept) kept.add(*target.judged->others_kept, target.images);
    }
    if (asked.empty()) return;
    all.judged = JudgeScore{.images = all.images,
                            .asked = asked.value(),
                            .copy = copy.value(),
                            .real = real.value(),
                            .others_kept = {}};
    if (!kept.empty()) all.judged->others_kept = kept.value();
}

void combine_identity(const std::vector<TargetReport>& targets, TargetReport& all) {
    Mean same, other, closer;
    for (const TargetReport& target : targets) {
        if (!target.identity) continue;
        same.add(target.identity->same, target.images);
        other.add(target.identity->other, target.images);
        closer.add(target.identity->closer, target.images);
    }
    if (!same.empty()) all.identity = {same.value(), other.value(), closer.value()};
}

}  // namespace

TargetReport combine(const std::vector<TargetReport>& targets) {
    TargetReport all;
    all.target = "all";
    for (const TargetReport& target : targets) {
        all.images += target.images;
        all.reconstruction.add(target.reconstruction);
        if (!target.truth) continue;
        if (!all.truth) all.truth = TruthScore{};
        all.truth->faces += target.truth->faces;
        all.truth->translated.add(target.truth->translated);
        all.truth->copy.add(target.truth->copy);
        all.truth->change.add(target.truth->change);
    }
    combine_judged(targets, all);
    combine_identity(targets, all);
    return all;
}

FrechetScore frechet_score(std::span<const float> a, std::span<const float> b, int64_t features) {
    FrechetScore score;
    if (features > 0) {
        score.first = int64_t(a.size()) / features;
        score.second = int64_t(b.size()) / features;
    }
    if (score.first < 2 || score.second < 2) {
        score.missing = fmt::format("needs 2 images on either side, there are {} and {}",
                                    score.first, score.second);
        return score;
    }
    try {
        const double distance = frechet_distance(a, score.first, b, score.second, features);
        if (std::isfinite(distance)) score.distance = distance;
        if (!score.distance) score.missing = "is not finite";
    } catch (const Error& error) {
        score.missing = error.what();
    }
    return score;
}

}  // namespace sg
