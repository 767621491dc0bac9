#include "train/eval/measure_mask.h"

#include <algorithm>

#include "train/data/synth_dataset.h"

namespace sg {

namespace {

using Bytes = std::vector<uint8_t>;

/// Full label vectors for `count` images: one label of group `to`, the mask as told, else zero.
std::vector<float> labels_with_mask(const LabelLayout& layout, int to, int label, int mask,
                                    int64_t count) {
    std::vector<float> one(size_t(layout.label_dim()));
    one[size_t(layout.offset(to) + label)] = 1;
    one[size_t(layout.class_dim() + mask)] = 1;
    std::vector<float> all;
    for (int64_t n = 0; n < count; ++n) all.insert(all.end(), one.begin(), one.end());
    return all;
}

/// The faces with another expression; empty for images that are not built in.
Bytes with_expression(const MaskTest& test, const HeldOutImages& in, int label) {
    const auto* faces = dynamic_cast<const SynthDataset*>(&test.data);
    if (!faces || !test.expressions) return {};
    Bytes pixels(in.pixels.size());
    const size_t size = pixels.size() / in.items.size();
    for (size_t n = 0; n < in.items.size(); ++n) {
        synth::Attributes wanted = faces->attributes(in.items[n]);
        wanted.expression = test.expressions->expression(label);
        synth::render(faces->identity(in.items[n]), wanted, test.size,
                      std::span(pixels).subspan(n * size, size));
    }
    return pixels;
}

/// The label that an image already shows; -1 if none does, or nobody knows.
int own_label(const MaskTest& test, int labels, int64_t item) {
    const auto* faces = dynamic_cast<const SynthDataset*>(&test.data);
    if (!faces || !test.expressions) return -1;
    for (int label = 0; label < labels; ++label)
        if (test.expressions->expression(label) == faces->attributes(item).expression) return label;
    return -1;
}

/// The pixels of `picture` at which `input` and `truth` differ.
Bytes where_changed(std::span<const uint8_t> picture, std::span<const uint8_t> input,
                    std::span<const uint8_t> truth) {
    Bytes kept;
    for (size_t i = 0; i < picture.size(); i += 3)
        if (!std::equal(&input[i], &input[i] + 3, &truth[i]))
            kept.insert(kept.end(), &picture[i], &picture[i] + 3);
    return kept;
}

struct Translations {
    Bytes pixels;
    Judged judged;
};

class MaskMeter {
  public:
    MaskMeter(Device& device, const MaskTest& test)
        : device_(device), test_(test), layout_(test.translator.labels()) {
        for (const std::string& name : group().names) {
            MaskScore score;
            score.target = name;
            report_.targets.push_back(score);
        }
        report_.images = layout_.groups.at(size_t(test.from)).name;
        report_.labels = group().name;
        report_.overall.target = "all";
    }

    /// translated() is called after each target.
    void add(std::span<const int64_t> items, std::vector<std::string>& notes,
             const std::function<void()>& translated) {
        const auto in = read_held_out(device_, test_.data, items, test_.size, notes);
        if (in.count() == 0) return;
        std::vector<Translations> right, wrong;  // per label
        for (int label = 0; label < group().dim(); ++label) {
            right.push_back(translate(in, label, test_.to));
            wrong.push_back(translate(in, label, test_.from));
            translated();
        }
        for (int label = 0; label < group().dim(); ++label) add_target(in, right, wrong, label);
    }

    MaskReport report() const {
        MaskReport report = report_;
        for (MaskScore& score : report.targets) {
            MaskScore& all = report.overall;
            all.images += score.images;
            all.copy.add(score.copy);
            all.right.add(score.right);
            all.wrong.add(score.wrong);
            all.change_right.add(score.change_right);
            all.change_wrong.add(score.change_wrong);
            all.judged_right += score.judged_right;
            all.judged_wrong += score.judged_wrong;
            make_shares(score);
        }
        make_shares(report.overall);
        return report;
    }

  private:
    const LabelGroup& group() const { return layout_.groups.at(size_t(test_.to)); }

    static void make_shares(MaskScore& score) {
        score.judged_right /= double(score.images);
        score.judged_wrong /= double(score.images);
    }

    Translations translate(const HeldOutImages& in, int label, int mask) const {
        const Tensor out = test_.translator.translate(
            in.images, full_labels(layout_, test_.from, in.labels),
            labels_with_mask(layout_, test_.to, label, mask, in.count()));
        return {picture_bytes(out.to_host_f32()), test_.judge(out)};
    }

    void add_target(const HeldOutImages& in, const std::vector<Translations>& right,
                    const std::vector<Translations>& wrong, int label) {
        const int64_t size = int64_t(in.pixels.size()) / in.count(), dim = group().dim();
        const Bytes truth = with_expression(test_, in, label);
        std::vector<float> asked(size_t(dim), 0.0f);
        asked[size_t(label)] = 1;
        MaskScore& score = report_.targets[size_t(label)];
        for (int64_t n = 0; n < in.count(); ++n) {
            const auto as_asked = [&](const std::vector<Translations>& made) {
                return judged_as(group(), label, row_of(made[size_t(label)].judged.logits, n, dim),
                                 asked);
            };
            if (!truth.empty()) {
                const auto input = row_of(in.pixels, n, size), goal = row_of(truth, n, size);
                if (std::equal(input.begin(), input.end(), goal.begin())) continue;
                add_truth(score, in, goal, right, wrong, label, n);
            }
            ++score.images;
            score.judged_right += as_asked(right);  // counts, until report()
            score.judged_wrong += as_asked(wrong);
        }
    }

    /// What the true picture `goal` of image n says.
    void add_truth(MaskScore& score, const HeldOutImages& in, std::span<const uint8_t> goal,
                   const std::vector<Translations>& right, const std::vector<Translations>& wrong,
                   int label, int64_t n) const {
        const auto size = int64_t(goal.size());
        const auto input = row_of(in.pixels, n, size);
        const auto made = [&](const std::vector<Translations>& all, int as) {
            return row_of(all[size_t(as)].pixels, n, size);
        };
        const Bytes there = where_changed(goal, input, goal);
        score.copy.add(where_changed(input, input, goal), there);
        score.right.add(where_changed(made(right, label), input, goal), there);
        score.wrong.add(where_changed(made(wrong, label), input, goal), there);
        const int own = own_label(test_, group().dim(), in.items[size_t(n)]);
        if (own < 0 || !test_.translator.translates_to_own_labels()) return;
        score.change_right.add(made(right, own), made(right, label), input, goal);
        score.change_wrong.add(made(wrong, own), made(wrong, label), input, goal);
    }

    Device& device_;
    const MaskTest& test_;
    const LabelLayout& layout_;
    MaskReport report_;
};

}  // namespace

MaskReport measure_mask(Device& device, const MaskTest& test, const Progress& progress,
                        std::vector<std::string>& notes) {
    const LabelLayout& layout = test.translator.labels();
    require(layout.groups.size() > 1, "evaluate", "a mask needs several groups of labels");
    require(layout.groups.at(size_t(test.to)).kind == LabelKind::one_hot, "evaluate",
            "the labels of group '{}' are not one-hot", layout.groups[size_t(test.to)].name);
    MaskMeter meter(device, test);
    const int64_t targets = layout.groups[size_t(test.to)].dim();
    in_slices(test.items, test.slice, targets, progress,
              [&](auto part, const auto& step) { meter.add(part, notes, step); });
    return meter.report();
}

}  // namespace sg
