#include "train/eval/target_meter.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/error.h"

namespace sg {

namespace {

void append(std::vector<float>& to, std::span<const float> from) {
    to.insert(to.end(), from.begin(), from.end());
}

int64_t argmax(std::span<const float> values) {
    return std::max_element(values.begin(), values.end()) - values.begin();
}

/// Absent for fewer than two images, and for features that are not finite.
std::optional<IdentityDistances> identity_score(std::span<const float> inputs,
                                                std::span<const float> translations, int64_t rows,
                                                int64_t features, uint64_t seed) {
    const auto finite = [](float value) { return std::isfinite(value); };
    if (rows < 2 || !std::all_of(inputs.begin(), inputs.end(), finite) ||
        !std::all_of(translations.begin(), translations.end(), finite))
        return {};
    return identity_distances(inputs, translations, rows, features, seed);
}

}  // namespace

bool judged_as(const LabelGroup& group, int label, std::span<const float> logits,
               std::span<const float> labels) {
    if (group.kind == LabelKind::one_hot) return argmax(logits) == argmax(labels);
    return (logits[size_t(label)] > 0) == (labels[size_t(label)] > 0.5f);
}

TargetMeter::TargetMeter(const LabelGroup& group, int label) : group_(group), label_(label) {
    if (group.kind == LabelKind::one_hot) return;
    const auto excluded = group.exclusive_with(label);
    for (int other = 0; other < group.dim(); ++other)
        if (other != label && std::find(excluded.begin(), excluded.end(), other) == excluded.end())
            others_.push_back(other);
}

void TargetMeter::add(const SeenImages& seen, const SeenTranslations& made) {
    const int64_t count = seen.in.count(), dim = group_.dim();
    if (count == 0) return;
    const int64_t size = int64_t(seen.in.pixels.size()) / count;
    feature_dim_ = int64_t(seen.judged.features.size()) / count;
    for (int64_t n = 0; n < count; ++n) {
        const auto own = row_of(seen.in.labels, n, dim), target = row_of(made.targets, n, dim);
        if (std::equal(own.begin(), own.end(), target.begin())) continue;
        ++images_;
        reconstruction_.add(row_of(made.back, n, size), row_of(seen.in.values, n, size));
        const auto logits = row_of(made.judged.logits, n, dim);
        add_judged(row_of(seen.judged.logits, n, dim), logits, own, target);
        const auto features = row_of(made.judged.features, n, feature_dim_);
        append(inputs_, row_of(seen.judged.features, n, feature_dim_));
        append(translated_, features);
        if (target[size_t(label_)] > 0.5f) append(given_, features);
        double score = -probability(logits, target);
        if (!made.truth.empty()) {
            PixelError error;
            error.add(row_of(made.pixels, n, size), row_of(made.truth, n, size));
            truth_.translated.add(error);
            truth_.copy.add(row_of(seen.in.pixels, n, size), row_of(made.truth, n, size));
            if (!seen.unchanged.empty())
                truth_.change.add(row_of(seen.unchanged, n, size), row_of(made.pixels, n, size),
                                  row_of(seen.in.pixels, n, size), row_of(made.truth, n, size));
            ++truth_.faces;
            score = error.mean();
        }
        cases_.push_back({seen.in.items[size_t(n)], score});
    }
}

void TargetMeter::add_judged(std::span<const float> input, std::span<const float> output,
                             std::span<const float> own, std::span<const float> target) {
    asked_ += judged_as(group_, label_, output, target);
    copy_ += judged_as(group_, label_, input, target);
    real_ += judged_as(group_, label_, input, own);
    for (const int other : others_)
        kept_ += (input[size_t(other)] > 0) == (output[size_t(other)] > 0);
}

double TargetMeter::probability(std::span<const float> logits,
                                std::span<const float> target) const {
    if (group_.kind == LabelKind::one_hot) {
        const double largest = *std::max_element(logits.begin(), logits.end());
        double sum = 0;
        for (const float logit : logits) sum += std::exp(double(logit) - largest);
        return std::exp(double(logits[size_t(argmax(target))]) - largest) / sum;
    }
    const double logit = logits[size_t(label_)];
    return 1 / (1 + std::exp(target[size_t(label_)] > 0.5f ? -logit : logit));
}

TargetReport TargetMeter::report(const RealFeatures& real, uint64_t seed) const {
    TargetReport report{.target = group_.names[size_t(label_)],
                        .images = images_,
                        .truth = {},
                        .judged = {},
                        .reconstruction = reconstruction_,
                        .identity = {},
                        .frechet = {}};
    if (by_truth()) report.truth = truth_;
    if (images_ > 0) {
        const double n = double(images_);
        JudgeScore judged{.images = images_,
                          .asked = double(asked_) / n,
                          .copy = double(copy_) / n,
                          .real = double(real_) / n,
                          .others_kept = {}};
        if (!others_.empty()) judged.others_kept = double(kept_) / (n * double(others_.size()));
        report.judged = judged;
    }
    report.identity = identity_score(inputs_, translated_, images_, feature_dim_, seed);
    std::vector<float> with_label;
    const int64_t dim = group_.dim(), count = int64_t(real.labels.size()) / dim;
    for (int64_t n = 0; n < count; ++n)
        if (real.labels[size_t(n * dim + label_)] > 0.5f)
            append(with_label, row_of(real.features, n, real.dim));
    report.frechet = frechet_score(given_, with_label, real.dim);
    return report;
}

std::vector<Case> TargetMeter::cases() const {
    auto sorted = cases_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Case& a, const Case& b) { return a.score < b.score; });
    return sorted;
}

}  // namespace sg
