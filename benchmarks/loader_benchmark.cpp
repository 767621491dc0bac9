#include "benchmarks/loader_benchmark.h"

#include "benchmarks/report.h"

#include <algorithm>
#include <chrono>

#include "kernels/common/error.h"
#include "kernels/common/processor.h"
#include "train/batch.h"
#include "train/open_dataset.h"
#include "train/resident.h"

namespace sg {

namespace {

template <class Work>
double milliseconds(const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

/// Of work() in every round, the first left out.
template <class Work>
std::vector<double> rounds_of(const LoaderBenchmark& b, const Work& work) {
    std::vector<double> times;
    for (int i = 0; i <= b.rounds; ++i) times.push_back(milliseconds(work));
    times.erase(times.begin());
    return times;
}

/// Images a second on this thread.
Times read_rate(const LoaderBenchmark& b, const Dataset& data, const std::vector<int64_t>& items) {
    const ImageSize size = parse_image_size(b.config.image_size);
    std::vector<uint8_t> pixels(size_t(3) * size_t(size.height) * size_t(size.width));
    auto rates = rounds_of(b, [&] {
        for (const int64_t item : items) data.read_image(item, size, pixels);
    });
    for (double& rate : rates) rate = 1e3 * double(items.size()) / rate;
    return summarise(rates);
}

LoaderOptions options_of(const LoaderBenchmark& b, bool cached) {
    LoaderOptions options = loader_options(b.config);
    if (!cached) options.cache_bytes = 0;
    return options;
}

/// Milliseconds a batch when batches are taken as fast as they come.
Times next_time(const LoaderBenchmark& b, const Dataset& data, const std::vector<int64_t>& items,
                bool cached) {
    const LoaderOptions options = options_of(b, cached);
    Loader loader(data, items, options);
    // Until all images are cached; two epochs, as the first leaves out some.
    const size_t warm = cached ? 2 * items.size() / size_t(options.batch) : 0;
    for (size_t i = 0; i < warm; ++i) loader.next();
    auto times = rounds_of(b, [&] {
        for (int i = 0; i < b.batches; ++i) loader.next();
    });
    for (double& time : times) time /= b.batches;
    return summarise(times);
}

/// Milliseconds from the call to the end of the device's work.
Times upload_time(const LoaderBenchmark& b, Device& device, const Batch& batch,
                  BatchUploader& uploader) {
    auto times = rounds_of(b, [&] {
        for (int i = 0; i < b.batches; ++i) {
            uploader.upload(batch);
            device.synchronize();
        }
    });
    for (double& time : times) time /= b.batches;
    return summarise(times);
}

/// `count` items spread over all.
std::vector<int64_t> spread(int64_t all, int64_t count) {
    std::vector<int64_t> items;
    for (int64_t i = 0; i < std::min(all, count); ++i)
        items.push_back(i * all / std::min(all, count));
    return items;
}

LoaderBenchmarkResult measure(const LoaderBenchmark& b, Device& device, const Dataset& data,
                              const LabelLayout& layout, int group) {
    const ImageSize size = parse_image_size(b.config.image_size);
    const bool stored = data.stored(size);
    const auto items = spread(data.size(), b.images);
    LoaderBenchmarkResult result;
    result.name = data.label_group().name;
    result.images = int64_t(items.size());
    if (stored) result.stored = read_rate(b, data, items);
    result.next = next_time(b, data, items, false);
    if (!stored) result.cached = next_time(b, data, items, true);
    const Batch batch = Loader(data, items, options_of(b, false)).next();
    const auto uploader = [&](const ResidentImages* resident) {
        return BatchUploader(device, b.config.batch_size, size, layout, group, 1, resident);
    };
    BatchUploader pixels = uploader(nullptr);
    result.upload = upload_time(b, device, batch, pixels);
    if (stored) {
        const ResidentImages resident(device, data, size);
        BatchUploader indices = uploader(&resident);
        result.resident = upload_time(b, device, batch, indices);
    }
    return result;
}

/// Each measurement's name, unit and value.
struct Row {
    const char* name;
    const char* unit;
    std::optional<Times> value;
};
std::vector<Row> rows_of(const LoaderBenchmarkResult& r) {
    return {{"from files", "images/s", r.files}, {"from a pack", "images/s", r.stored},
            {"next batch", "ms", r.next},        {"next batch, cached", "ms", r.cached},
            {"upload", "ms", r.upload},          {"upload, resident", "ms", r.resident}};
}

}  // namespace

std::vector<LoaderBenchmarkResult> run_loader_benchmark(
    Device& device, const LoaderBenchmark& b,
    const std::function<void(const std::string& line)>& say) {
    require(b.images >= b.config.batch_size && b.batches >= 1 && b.rounds >= 1, "benchmark",
            "{} images in batches of {}, {} batches in each of {} rounds", b.images,
            b.config.batch_size, b.batches, b.rounds);
    const auto sets = open_datasets(b.config, {}, say);
    TrainConfig without_packs = b.config;
    without_packs.packs = "off";
    std::vector<std::unique_ptr<Dataset>> plain;
    if (b.config.packs != "off") plain = open_datasets(without_packs, {}, say);
    LabelLayout layout;
    for (const auto& data : sets) layout.groups.push_back(data->label_group());
    std::vector<LoaderBenchmarkResult> results;
    for (size_t i = 0; i < sets.size(); ++i) {
        results.push_back(measure(b, device, *sets[i], layout, int(i)));
        const Dataset& files = plain.empty() ? *sets[i] : *plain[i];
        if (!files.stored(parse_image_size(b.config.image_size)))
            results[i].files = read_rate(b, files, spread(files.size(), b.images));
    }
    return results;
}

void print_report(const LoaderBenchmark& b, const std::vector<LoaderBenchmarkResult>& results) {
    for (const LoaderBenchmarkResult& r : results) {
        fmt::print("{}: {} images at {}, batch {}, {} loading threads\n", r.name, r.images,
                   b.config.image_size, b.config.batch_size, b.config.num_workers);
        fmt::print("{:<24} {:>10} {:>10} {:>10}\n", "", "median", "min", "max");
        for (const Row& row : rows_of(r))
            if (row.value)
                fmt::print("{:<24} {:>10.5g} {:>10.5g} {:>10.5g}\n",
                           fmt::format("{}, {}", row.name, row.unit), row.value->median,
                           row.value->min, row.value->max);
    }
}

void add_results(nlohmann::json& report, const LoaderBenchmark& b,
                 const std::vector<LoaderBenchmarkResult>& results) {
    report["config"] = {{"loading_threads", b.config.num_workers},
                        {"image_size", b.config.image_size},
                        {"batch", b.config.batch_size},
                        {"batches", b.batches},
                        {"rounds", b.rounds}};
    for (const LoaderBenchmarkResult& r : results)
        for (const Row& row : rows_of(r)) {
            if (!row.value) continue;
            report["cases"].push_back({{"data", r.name},
                                       {"images", r.images},
                                       {"name", row.name},
                                       {"unit", row.unit},
                                       {"median", row.value->median},
                                       {"min", row.value->min},
                                       {"max", row.value->max}});
            add_measurement(report, fmt::format("{}: {}", r.name, row.name), row.value->samples,
                            row.unit);
        }
}

}  // namespace sg
