// Which checkpoints a run folder has; their content is in checkpoint.cpp.
#include <algorithm>

#include "train/checkpoint.h"

namespace sg {

namespace fs = std::filesystem;

fs::path checkpoint_path(const fs::path& run, int64_t iteration) {
    return run / "checkpoints" / fmt::format("iteration-{:08}.safetensors", iteration);
}

namespace {

/// Checkpoint files of a run, latest first.
std::vector<fs::path> list_checkpoints(const fs::path& run) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(run / "checkpoints", error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("iteration-") && name.ends_with(".safetensors"))
            files.push_back(entry.path());
    }
    std::sort(files.rbegin(), files.rend());
    return files;
}

}  // namespace

std::optional<fs::path> latest_checkpoint(const fs::path& run,
                                          std::vector<DamagedCheckpoint>* damaged) {
    for (const fs::path& path : list_checkpoints(run)) {
        try {
            require_undamaged_checkpoint(path);
            return path;
        } catch (const Error& error) {
            if (damaged) damaged->push_back({path, error.fact()});
        }
    }
    return std::nullopt;
}

bool is_pairwise_run(const fs::path& run) {
    return fs::is_directory(run / "pairs");
}

bool holds_a_run(const fs::path& run) {
    std::error_code error;
    const auto bytes = fs::file_size(run / "metrics.jsonl", error);
    return !list_checkpoints(run).empty() || (!error && bytes > 0) || is_pairwise_run(run);
}

void require_no_run(const fs::path& run) {
    require(!holds_a_run(run), "train",
            "{} already holds a run; continue it with --resume {} or choose another --out",
            run.string(), run.string());
}

fs::path resolve_checkpoint(const fs::path& file_or_run) {
    if (!fs::is_directory(file_or_run)) {
        require(fs::exists(file_or_run), "checkpoint", "{} does not exist", file_or_run.string());
        return file_or_run;
    }
    const auto latest = latest_checkpoint(file_or_run);
    require(latest.has_value(), "checkpoint", "{} has no readable checkpoint in checkpoints/",
            file_or_run.string());
    return *latest;
}

void prune_checkpoints(const fs::path& run, int keep) {
    const auto files = list_checkpoints(run);
    std::error_code ignored;  // an old checkpoint that stays does no harm
    for (size_t i = size_t(keep); i < files.size(); ++i) fs::remove(files[i], ignored);
}

}  // namespace sg
