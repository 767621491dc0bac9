#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/times.h"
#include "engine/device.h"
#include "train/config.h"

namespace sg {

/// What `sg_bench loader` measures: the way of an image from disk to the device, without training.
struct LoaderBenchmark {
    TrainConfig config;  ///< data, packs, image_size, batch_size, num_workers count
    int images = 2000;   ///< of a data set that take part, spread over it; at most all
    int batches = 100;   ///< of a round
    int rounds = 7;      ///< timed, after one that is not: files and packs are in memory then
};

/// Of one data set. Rates are images a second on one thread, times milliseconds a batch.
struct LoaderBenchmarkResult {
    std::string name;
    int64_t images = 0;             ///< that took part
    std::optional<Times> files;     ///< rate: read_image from files: decode, crop, resize
    std::optional<Times> stored;    ///< rate: read_image where the images lie in memory
    std::optional<Times> cached;    ///< time: Loader::next, all images in its cache
    Times next;                     ///< time: Loader::next, nothing cached, no training beside it
    Times upload;                   ///< time: BatchUploader::upload until the tensors are there
    std::optional<Times> resident;  ///< time: the same for images that are on the device
};

/// One result per data set. What is not there is not measured: `files` needs a data set that is
/// files without packs, `stored` and `resident` one with packed images, `cached` one without.
std::vector<LoaderBenchmarkResult> run_loader_benchmark(
    Device& device, const LoaderBenchmark& benchmark,
    const std::function<void(const std::string& line)>& say);

/// A table for the terminal.
void print_report(const LoaderBenchmark& benchmark,
                  const std::vector<LoaderBenchmarkResult>& results);
/// Puts them into a report (report.h): {"config", "cases": [{"data", "images", "name", "unit",
/// "median", "min", "max"}]} and the measurements.
void add_results(nlohmann::json& report, const LoaderBenchmark& benchmark,
                 const std::vector<LoaderBenchmarkResult>& results);

}  // namespace sg
