#include "train/eval/evaluate.h"

#include <algorithm>

#include "engine/atomic_file.h"
#include "train/data/synth_dataset.h"
#include "train/eval/eval_data.h"
#include "train/eval/html_report.h"
#include "train/eval/measure_mask.h"
#include "train/eval/pairwise_translator.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

constexpr int kGridRows = 6, kCases = 2;  // of the page
constexpr size_t kNotes = 10;             // of one report

/// Throws Error if a file cannot be written there.
void require_writable(const fs::path& path) {
    if (!path.empty()) const AtomicFile probe(path);
}

/// The first outputs are checked, before anything is read.
fs::path checked(const EvalRequest& request) {
    require(request.json.empty() || request.json != request.html, "evaluate",
            "{} cannot be both JSON and HTML", request.json.string());
    require_writable(request.json);
    require_writable(request.html);
    return is_pairwise_run(request.checkpoint) ? request.checkpoint
                                               : resolve_checkpoint(request.checkpoint);
}

std::unique_ptr<ImageTranslator> open_translator(Device& device, const fs::path& path) {
    if (is_pairwise_run(path)) return std::make_unique<PairwiseTranslator>(device, path);
    return std::make_unique<StarGanTranslator>(device, path);
}

/// The run that a checkpoint belongs to, else the folder that it lies in.
fs::path folder_of(const fs::path& checkpoint) {
    if (is_pairwise_run(checkpoint)) return checkpoint;
    const fs::path folder = fs::absolute(checkpoint).lexically_normal().parent_path();
    return folder.filename() == "checkpoints" ? folder.parent_path() : folder;
}

class Evaluation {
  public:
    Evaluation(Device& device, const EvalRequest& request, const EvalObserver& observer)
        : device_(device),
          request_(request),
          observer_(observer),
          checkpoint_(checked(request)),
          folder_(folder_of(checkpoint_)),
          translator_(open_translator(device, checkpoint_)),
          sets_(open_eval_data(translator_->info(), request.data, request.count, request.cache,
                               [this](const std::string& line) { say(line); })),
          notes_(translator_->notes()) {
        const CheckpointInfo& info = translator_->info();
        size_ = {info.model.height, info.model.width};
        report_.checkpoint = checkpoint_.string();
        report_.iteration = info.iteration;
        report_.height = size_.height;
        report_.width = size_.width;
        report_.generators = translator_->generators();
        report_.parameters = translator_->parameters();
    }

    EvalReport run() {
        for (int group = 0; group < groups(); ++group) obtain_judge(group);
        for (int group = 0; group < groups(); ++group) measure(group);
        for (int from = 0; from < groups(); ++from)
            for (int to = 0; to < groups(); ++to)
                if (from != to && labels(to).kind == LabelKind::one_hot) measure_masks(from, to);
        report_.findings = find_trouble(report_);
        report_.notes = short_notes();
        if (!request_.json.empty()) write_file_atomically(request_.json, to_json(report_));
        if (!request_.html.empty())
            write_file_atomically(
                request_.html, to_html(report_, pictures_, read_curves(folder_ / "metrics.jsonl")));
        return report_;
    }

  private:
    int groups() const { return int(sets_.size()); }
    const LabelGroup& labels(int group) const {
        return translator_->labels().groups[size_t(group)];
    }
    void say(const std::string& line) const {
        if (observer_.message) observer_.message(line);
    }
    Progress progress(const std::string& stage) const {
        return [this, stage](int64_t done, int64_t total) {
            if (observer_.progress) observer_.progress(stage, done, total);
        };
    }

    void obtain_judge(int group) {
        const std::string& name = labels(group).name;
        judges_.push_back(obtain_classifier(device_, sets_[size_t(group)], size_,
                                            request_.classifier, classifier_path(folder_, name),
                                            progress("training the classifier of " + name),
                                            [this](const std::string& line) { say(line); }));
    }

    Judge judge_of(int group) const {
        const Classifier& network = *judges_[size_t(group)].network;
        return [&network](const Tensor& images) { return judge(network, images); };
    }

    void measure(int group) {
        const EvalSet& set = sets_[size_t(group)];
        const GroupTest test{.translator = *translator_,
                             .group = group,
                             .data = *set.dataset,
                             .items = set.items,
                             .size = size_,
                             .judge = judge_of(group)};
        GroupResult result =
            measure_group(device_, test, progress("translating " + labels(group).name), notes_);
        require(result.report.images > 0, "evaluate", "{}: none of the held-out images decodes",
                set.dataset->summary().source);
        if (!request_.html.empty())
            pictures_.push_back(draw_pictures(device_, test, result, kGridRows, kCases, notes_));
        result.report.source = set.dataset->summary().source;
        result.report.held_out = int64_t(set.split.test.size());
        result.report.judge = judges_[size_t(group)].report;
        report_.groups.push_back(std::move(result.report));
    }

    void measure_masks(int from, int to) {
        const EvalSet& set = sets_[size_t(from)];
        const auto* drawn = dynamic_cast<const SynthDataset*>(sets_[size_t(to)].dataset.get());
        const MaskTest test{.translator = *translator_,
                            .from = from,
                            .to = to,
                            .data = *set.dataset,
                            .expressions = drawn,
                            .items = set.items,
                            .size = size_,
                            .judge = judge_of(to)};
        const std::string stage =
            fmt::format("translating {} to labels of {}", labels(from).name, labels(to).name);
        report_.masks.push_back(measure_mask(device_, test, progress(stage), notes_));
    }

    /// Every note once, and not too many.
    std::vector<std::string> short_notes() const {
        std::vector<std::string> notes;
        size_t more = 0;
        for (const std::string& note : notes_) {
            if (std::find(notes.begin(), notes.end(), note) != notes.end()) continue;
            if (notes.size() < kNotes)
                notes.push_back(note);
            else
                ++more;
        }
        if (more > 0) notes.push_back(fmt::format("and {} more of this kind", more));
        return notes;
    }

    Device& device_;
    const EvalRequest& request_;
    const EvalObserver& observer_;
    fs::path checkpoint_, folder_;
    std::unique_ptr<ImageTranslator> translator_;
    std::vector<EvalSet> sets_;
    std::vector<std::string> notes_;
    ImageSize size_;
    std::vector<TrainedClassifier> judges_;
    EvalReport report_;
    std::vector<GroupPictures> pictures_;
};

}  // namespace

EvalReport evaluate(Device& device, const EvalRequest& request, const EvalObserver& observer) {
    return Evaluation(device, request, observer).run();
}

}  // namespace sg
