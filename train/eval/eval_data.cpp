#include "train/eval/eval_data.h"

#include <algorithm>
#include <cctype>

#include <fmt/ranges.h>

#include "engine/fnv1a.h"
#include "train/config.h"
#include "train/data/pack_file.h"
#include "train/open_dataset.h"

namespace sg {

namespace {

std::string describe(const std::vector<LabelGroup>& groups) {
    std::string text;
    for (const LabelGroup& group : groups)
        text += fmt::format("{}[{}: {}]", text.empty() ? "" : ", ", to_string(group.kind),
                            fmt::join(group.names, ", "));
    return text;
}

void require_same_labels(const LabelLayout& expected, const std::vector<EvalSet>& sets) {
    std::vector<LabelGroup> found;
    for (const EvalSet& set : sets) found.push_back(set.dataset->label_group());
    const bool same = std::equal(
        found.begin(), found.end(), expected.groups.begin(), expected.groups.end(),
        [](const auto& a, const auto& b) { return a.kind == b.kind && a.names == b.names; });
    if (same) return;
    throw Error("evaluate",
                fmt::format("the data has the labels {}, the checkpoint {}", describe(found),
                            describe(expected.groups)),
                "--data takes one data set per group of the checkpoint, in its order, with the "
                "same labels; labels=A+B chooses some");
}

std::string preprocessing(const DataSource& source) {
    if (source.kind != "pack") return fmt::format("crop {} align {}", source.crop, source.align);
    const PackFile pack(source.place);
    return pack.index().place + " " + pack.index().content;
}

void add_doubts(const CheckpointInfo& info, bool other_data, std::vector<EvalSet>& sets) {
    for (size_t k = 0; k < std::min(sets.size(), info.held_out.size()); ++k) {
        EvalSet& set = sets[k];
        if (held_out_hash(*set.dataset, set.split) == info.held_out[k]) continue;
        set.doubt =
            fmt::format("{}: {}", set.dataset->summary().source,
                        other_data ? "not the images that the training held out; they are unseen "
                                     "only if it did not train on them"
                                   : "other images are held out now than in the training, which "
                                     "may have seen some of them: the data has changed since");
    }
}

class Fingerprint {
  public:
    void add(const std::string& text) {
        add_number(double(text.size()));
        hash_.add(text.data(), text.size());
    }
    void add_number(double value) {
        hash_.add(reinterpret_cast<const char*>(&value), sizeof value);
    }
    std::string text() const { return fmt::format("{:016x}", hash_.value()); }

  private:
    Fnv1a hash_;
};

}  // namespace

std::vector<EvalSet> open_eval_data(const CheckpointInfo& info,
                                    const std::vector<std::string>& data, int64_t count,
                                    const std::filesystem::path& cache, const Say& say) {
    require(count >= 0, "evaluate", "count is {}, expected 0 (all) or more", count);
    TrainConfig config = config_from_json(info.settings);
    if (!data.empty()) {
        config.data = data;
        config.test_dir = config.attr_path = "";  // those of the data that was replaced
    }
    std::vector<EvalSet> sets;
    std::vector<DataSource> sources = data_sources(config);
    for (auto& dataset : open_datasets(config, cache, say)) {
        const std::string pixels = preprocessing(sources[sets.size()]);
        const int64_t held_out = effective_test_count(config, dataset->listed());
        Split split = make_split(*dataset, held_out, uint64_t(config.seed));
        auto items = split.test;
        if (count > 0 && int64_t(items.size()) > count) items.resize(size_t(count));
        sets.push_back({std::move(dataset), std::move(split), std::move(items), pixels});
    }
    add_doubts(info, !data.empty(), sets);
    require_same_labels(info.model.labels, sets);
    for (const EvalSet& set : sets) {
        if (!set.items.empty()) continue;
        throw Error("evaluate",
                    fmt::format("{}: none of the {} images is held out",
                                set.dataset->summary().source, set.dataset->size()),
                    "only images that training has not seen tell anything; train with --test-count "
                    "above 0, or give data with test images of its own");
    }
    return sets;
}

std::string classifier_fingerprint(const EvalSet& set, ImageSize size,
                                   const ClassifierOptions& options) {
    Fingerprint print;
    const LabelGroup& group = set.dataset->label_group();
    print.add(set.dataset->summary().source);
    print.add(set.pixels);
    print.add(to_string(group.kind));
    for (const std::string& name : group.names) print.add(name);
    for (const double number : {double(size.height), double(size.width), double(options.iterations),
                                double(options.batch), options.learning_rate, double(options.seed)})
        print.add_number(number);
    print.add(to_string(options.precision));
    std::vector<float> labels(size_t(group.dim()));
    for (const auto* items : {&set.split.train, &set.split.test}) {
        print.add_number(double(items->size()));
        for (const int64_t item : *items) {
            print.add(set.dataset->item_name(item));
            set.dataset->read_labels(item, labels);
            for (const float label : labels) print.add_number(label);
        }
    }
    return print.text();
}

std::filesystem::path classifier_path(const std::filesystem::path& folder,
                                      const std::string& group) {
    std::string name = group;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
    return folder / fmt::format("classifier-{}.safetensors", name);
}

TrainedClassifier obtain_classifier(Device& device, const EvalSet& set, ImageSize size,
                                    const ClassifierOptions& options,
                                    const std::filesystem::path& file,
                                    const std::function<void(int done, int total)>& progress,
                                    const Say& say) {
    const std::string fingerprint = classifier_fingerprint(set, size, options);
    try {
        if (auto kept = load_classifier(device, file, fingerprint)) return std::move(*kept);
    } catch (const Error& error) {
        if (dynamic_cast<const LostDevice*>(&error)) throw;
        say(fmt::format("warning: {}; the classifier is trained again\n", error.what()));
    }
    TrainedClassifier trained =
        train_classifier(device, *set.dataset, set.split, size, options,
                         [&](int done, int total, double) { progress(done, total); });
    try {
        save_classifier(file, *trained.network, trained.report, fingerprint);
    } catch (const Error& error) {
        if (dynamic_cast<const LostDevice*>(&error)) throw;
        say(fmt::format("warning: the classifier cannot be kept: {}\n", error.what()));
    }
    return trained;
}

}  // namespace sg
