#include "train/eval/pictures.h"

#include <algorithm>

#include "train/samples.h"

namespace sg {

namespace {

Image picture(std::span<const uint8_t> pixels, ImageSize size) {
    return {size.height, size.width, {pixels.begin(), pixels.end()}};
}

class Painter {
  public:
    Painter(Device& device, const GroupTest& test, std::vector<std::string>& notes)
        : device_(device),
          test_(test),
          layout_(test.translator.labels()),
          labels_(layout_.groups.at(size_t(test.group))),
          bytes_(int64_t(test.size.height) * test.size.width * 3),
          notes_(notes) {}

    std::vector<PictureRow> grid(int rows) const {
        const auto count = std::min(test_.items.size(), size_t(rows));
        const auto in = read(std::span(test_.items).first(count));
        std::vector<PictureRow> grid;
        for (int64_t n = 0; n < in.count(); ++n)
            grid.push_back({test_.data.item_name(in.items[size_t(n)]),
                            picture(row_of(in.pixels, n, bytes_), test_.size),
                            {}});
        if (grid.empty()) return grid;
        for (int label = 0; label < labels_.dim(); ++label) {
            const auto outputs = translated(in, targets(in, label));
            for (int64_t n = 0; n < in.count(); ++n)
                grid[size_t(n)].outputs.push_back(picture(row_of(outputs, n, bytes_), test_.size));
        }
        return grid;
    }

    void add_cases(const TargetCases& all, int label, int count,
                   std::vector<PictureCase>& pictures) const {
        const auto total = int64_t(all.cases.size());
        const int64_t best = std::min<int64_t>(count, (total + 1) / 2);
        const int64_t worst = std::min<int64_t>(count, total - best);
        for (int64_t i = 0; i < total; ++i) {
            if (i >= best && i < total - worst) continue;
            const Case& one = all.cases[size_t(i)];
            pictures.push_back(picture_of(one, label));
            pictures.back().best = i < best;
            pictures.back().score = all.by_truth
                                        ? fmt::format("{:.2f}/255 from the truth", one.score)
                                        : fmt::format("taken for it: {:.0f} %", -100 * one.score);
        }
    }

  private:
    HeldOutImages read(std::span<const int64_t> items) const {
        return read_held_out(device_, test_.data, items, test_.size, notes_);
    }

    std::vector<float> targets(const HeldOutImages& in, int label) const {
        std::vector<float> all;
        for (int64_t n = 0; n < in.count(); ++n) {
            const auto target = target_labels(labels_, row_of(in.labels, n, labels_.dim()), label);
            all.insert(all.end(), target.begin(), target.end());
        }
        return all;
    }

    std::vector<uint8_t> translated(const HeldOutImages& in,
                                    const std::vector<float>& targets) const {
        const Tensor out =
            test_.translator.translate(in.images, full_labels(layout_, test_.group, in.labels),
                                       full_labels(layout_, test_.group, targets));
        return picture_bytes(out.to_host_f32());
    }

    PictureCase picture_of(const Case& one, int label) const {
        const auto in = read({&one.item, 1});
        require(in.count() == 1, "evaluate", "{} can no longer be read",
                test_.data.item_name(one.item));
        const auto target = targets(in, label);
        PictureCase drawn;
        drawn.target = labels_.names[size_t(label)];
        drawn.item = test_.data.item_name(one.item);
        drawn.input = picture(in.pixels, test_.size);
        drawn.output = picture(translated(in, target), test_.size);
        const auto truth = true_pictures(test_.data, in.items, target, test_.size);
        if (!truth.empty()) drawn.truth = picture(truth, test_.size);
        return drawn;
    }

    Device& device_;
    const GroupTest& test_;
    const LabelLayout& layout_;
    const LabelGroup& labels_;
    int64_t bytes_;
    std::vector<std::string>& notes_;
};

}  // namespace

GroupPictures draw_pictures(Device& device, const GroupTest& test, const GroupResult& result,
                            int rows, int cases, std::vector<std::string>& notes) {
    const Painter painter(device, test, notes);
    GroupPictures pictures{.group = result.report.labels.name,
                           .targets = result.report.labels.names,
                           .grid = painter.grid(rows),
                           .cases = {}};
    for (size_t label = 0; label < result.cases.size(); ++label)
        painter.add_cases(result.cases[label], int(label), cases, pictures.cases);
    return pictures;
}

}  // namespace sg
