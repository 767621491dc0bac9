#include "train/pairwise.h"

#include <algorithm>

#include "engine/atomic_file.h"
#include "train/open_dataset.h"
#include "train/run_folder.h"

namespace sg {

namespace fs = std::filesystem;

namespace {

DataSource only_source(const TrainConfig& config) {
    auto sources = data_sources(config);
    require(sources.size() == 1, "pairwise", "{} data sets given, expected one", sources.size());
    return std::move(sources.front());
}

/// Tells of a run that is one of several, `before` iterations after the first began.
TrainObserver shifted(const TrainObserver& observer, int64_t before) {
    TrainObserver shifted = observer;
    if (observer.metrics)
        shifted.metrics = [&observer, before](Metrics m) {
            m.iteration += before;
            observer.metrics(m);
        };
    if (observer.progress)
        shifted.progress = [&observer, before](int64_t iteration, const Metrics& last) {
            observer.progress(before + iteration, last);
        };
    return shifted;
}

/// A run folder is for pairs or for something else.
void require_folder_for_pairs(const TrainRequest& request) {
    if (!request.resume) require_no_run(request.run);
    if (request.resume && !is_pairwise_run(request.run))
        throw Error("pairwise",
                    fmt::format("{} holds no pairwise training to resume", request.run.string()),
                    "leave --baseline as it was, or begin one with another --out");
}

/// A resumed run keeps its settings. `config` names its classes.
void require_same_settings(const fs::path& run, const TrainConfig& config) {
    TrainConfig before;
    apply_toml_file(before, (run / "config.toml").string());
    before.data = {to_string(only_source(before))};
    const std::string changes = describe_changes(to_json(before), to_json(config));
    if (!changes.empty())
        throw Error("pairwise",
                    fmt::format("settings of {} cannot change between its pairs: {}", run.string(),
                                changes),
                    "resume with the settings it was begun with, or choose another --out");
}

/// A pair without a readable checkpoint cannot go on. What it has (it was killed before its first
/// checkpoint, or all are damaged) is put away, so that it can start anew.
void prepare_pair(const fs::path& folder, bool resumable,
                  const std::vector<DamagedCheckpoint>& damaged, const TrainObserver& observer) {
    if (resumable || !holds_a_run(folder)) return;
    const FolderLock lock(folder);
    std::string said;
    for (const DamagedCheckpoint& one : damaged) {
        said += "skipped a damaged checkpoint: " + one.reason + "\n";
        fs::rename(one.path, one.path.string() + ".damaged");
    }
    fs::remove(folder / "metrics.jsonl");
    if (observer.message)
        observer.message(
            said + fmt::format("{} has no readable checkpoint: it starts anew\n", folder.string()));
}

}  // namespace

TrainConfig name_classes(const TrainConfig& config) {
    DataSource source = only_source(config);
    const auto data = std::move(open_datasets(config, {}, {}).front());
    require(data->label_group().kind == LabelKind::one_hot, "pairwise",
            "data set '{}' is multi-label: pairs need classes that exclude each other",
            source.name);
    if (source.kind != "synth" && data->fixed_test_items().empty())
        throw Error("pairwise",
                    fmt::format("data set '{}' marks no held-out images: every pair would hold out "
                                "others",
                                source.name),
                    "put some into test/, or name a folder with test=");
    source.labels = data->label_group().names;
    for (const std::string& name : source.labels)
        require(name.find_first_of("/+,") == std::string::npos, "pairwise",
                "class '{}' of data set '{}' has '/', '+' or ',' in its name: neither a pair's "
                "folder nor labels=A+B can hold it",
                name, source.name);
    TrainConfig named = config;
    named.data = {to_string(source)};
    return named;
}

std::vector<PairwiseRun> plan_pairwise(const TrainConfig& config, const fs::path& run) {
    const DataSource whole = only_source(config);
    const int k = int(whole.labels.size()), pairs = k * (k - 1);
    require(k >= 2, "pairwise", "data set '{}' names {} classes (labels=A+B), expected at least 2",
            whole.name, k);
    require(config.num_iters >= pairs, "pairwise",
            "{} iterations cannot be shared by the {} pairs of {} classes", config.num_iters, pairs,
            k);
    std::vector<PairwiseRun> runs;
    for (int from = 0; from < k; ++from)
        for (int to = 0; to < k; ++to) {
            if (from == to) continue;
            const std::string &a = whole.labels[from], &b = whole.labels[to];
            DataSource source = whole;
            source.labels = {a, b};
            PairwiseRun one{.from = from, .to = to, .config = config, .folder = {}};
            one.config.data = {to_string(source)};
            one.config.num_iters = config.num_iters / pairs;
            one.config.num_iters_decay = effective_decay(config) / pairs;
            one.config.sample_step = std::max(1, config.sample_step / pairs);
            one.config.model_save_step = std::max(1, config.model_save_step / pairs);
            one.config.baseline = "none";
            one.folder = run / "pairs" / fmt::format("{}-to-{}", a, b);
            one.config.out = one.folder.string();
            runs.push_back(std::move(one));
        }
    return runs;
}

TrainResult train_pairwise(Device& device, const TrainRequest& request,
                           const TrainObserver& observer) {
    require(request.stop_after == 0, "pairwise", "stop-after does not apply to pairwise training");
    require_folder_for_pairs(request);  // before data are listed
    const TrainConfig config = name_classes(request.config);
    const auto runs = plan_pairwise(config, request.run);
    const FolderLock lock(request.run);
    require_folder_for_pairs(request);  // nobody else can change that now
    if (request.resume) require_same_settings(request.run, config);
    write_file_atomically(request.run / "config.toml", to_toml(config));
    fs::create_directories(request.run / "pairs");  // from here on it can be resumed
    TrainResult all;
    for (size_t i = 0; i < runs.size(); ++i) {
        const PairwiseRun& one = runs[i];
        std::vector<DamagedCheckpoint> damaged;
        const auto latest = latest_checkpoint(one.folder, &damaged);
        const int64_t done = latest ? read_checkpoint_info(*latest).iteration : 0;
        if (done >= one.config.num_iters) {
            all.iteration += done;
            all.checkpoint = *latest;
            continue;
        }
        if (observer.message)
            observer.message(fmt::format("\npair {} of {}: {}\n", i + 1, runs.size(),
                                         one.folder.filename().string()));
        prepare_pair(one.folder, latest.has_value(), damaged, observer);
        TrainRequest next = request;
        next.config = one.config;
        next.run = one.folder;
        next.resume = latest.has_value();
        const TrainResult result = train(device, next, shifted(observer, all.iteration));
        all.iteration += result.iteration;
        all.checkpoint = result.checkpoint;
        all.sample_grid = result.sample_grid;
        if (!result.finished) return all;
    }
    all.finished = true;
    return all;
}

}  // namespace sg
