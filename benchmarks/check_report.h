#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

// The report of gpu_check.sh: its stages leave small files, which become one JSON and one table.

namespace sg {

/// Reads a folder of
///   facts.tsv    name, value: of the machine and the build
///   stages.tsv   name, status, seconds, limit in seconds, detail
///   cases.tsv    stage, case, status, seconds
///   data/STAGE.LABEL.json    what a tool wrote
///   data/STAGE.LABEL.jsonl   a run's metrics, of which the losses' curves are kept
/// into {"format": "stargan-gpu-check-1", "facts", "stages": [{"name", "status", "seconds",
/// "limit_s", "detail", "cases", "data"}]} (benchmarks/gpu_check.schema.json). Files that are not
/// there count as empty. Throws Error for a line or a file that cannot be read.
nlohmann::json read_check(const std::filesystem::path& folder);

/// As Markdown: the machine, the stages with what failed, and a table of each kind of measurement.
std::string check_tables(const nlohmann::json& check);

/// The training's curves as a page of charts; empty if there was no training.
std::string check_charts(const nlohmann::json& check);

}  // namespace sg
