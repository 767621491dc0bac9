#include <CLI/CLI.hpp>

#include "benchmarks/loader_benchmark.h"
#include "benchmarks/report.h"
#include "tools/bench_commands.h"
#include "tools/tool.h"

namespace sg::tools {

namespace {

struct LoaderCommand {
    LoaderBenchmark benchmark;
    DeviceOptions device{.name = "cpu"};
    std::string json;
};

CLI::App* add_loader_command(CLI::App& app, LoaderCommand& options) {
    auto& [config, images, batches, rounds] = options.benchmark;
    CLI::App* loader = app.add_subcommand(
        "loader", "times reading images, making batches of them and uploading these");
    const auto count = [&](const char* name, int& value, const char* help) {
        loader->add_option(name, value, help)
            ->check(CLI::Range(1, most_counted))
            ->capture_default_str();
    };
    config.packs = "off";
    loader->add_option("--data", config.data, "KIND:PLACE,KEY=VALUE... as for sg_train")
        ->capture_default_str();
    loader->add_option("--packs", config.packs, "off, or a folder for decoded images")
        ->capture_default_str();
    loader->add_option("--image-size", config.image_size, "one side or HEIGHTxWIDTH")
        ->capture_default_str();
    count("--batch-size", config.batch_size, "images of a batch");
    count("--num-workers", config.num_workers, "loading threads");
    count("--images", images, "images of a data set that take part");
    count("--batches", batches, "batches of a round");
    count("--rounds", rounds, "timed rounds");
    add_device_options(*loader, options.device);
    loader->add_option("--json", options.json, "write the measurements to this file");
    return loader;
}

int run_loader(LoaderCommand& options, const std::string& arguments) {
    const auto device = open_device(options.device, to_stderr).device;
    JsonFile file(options.json);
    fmt::print("device {}\n", device_report(*device));
    const auto results = run_loader_benchmark(*device, options.benchmark, to_stderr);
    print_report(options.benchmark, results);
    nlohmann::json report =
        new_report("loader", arguments, environment(device->name(), options.device.threads));
    add_results(report, options.benchmark, results);
    file.write(report.dump(1));
    return exit_success;
}

}  // namespace

BenchCommand add_bench_loader(CLI::App& app) {
    const auto options = std::make_shared<LoaderCommand>();
    CLI::App* command = add_loader_command(app, *options);
    return {[command] { return command->parsed(); },
            [options](const std::string& arguments) { return run_loader(*options, arguments); }};
}

}  // namespace sg::tools
