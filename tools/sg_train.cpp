#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "tools/official_flags.h"
#include "tools/tool.h"
#include "tools/train_display.h"
#include "train/pairwise.h"

namespace {

using sg::ConfigOption;
using sg::TrainConfig;

std::atomic<bool> stop_requested = false;

void on_signal(int) {
    // A second signal ends the program at once: checkpoints are never half-written.
    if (stop_requested.exchange(true)) std::_Exit(130);
}

struct CommandLine {
    std::string config_file, resume;
    int64_t stop_after = 0;
    bool print_config = false;
    bool quiet = false;
};

void add_options(CLI::App& app, TrainConfig& config) {
    for (const ConfigOption& option : sg::config_options(config)) {
        std::string names = "--" + option.name;
        for (const std::string& alias : option.aliases) names += ",--" + alias;
        std::visit(
            [&](auto* target) {
                using T = std::remove_pointer_t<decltype(target)>;
                CLI::Option* added = nullptr;
                if constexpr (std::is_same_v<T, bool>)
                    added = app.add_option(names, *target, option.help)->type_name("true|false");
                else
                    added = app.add_option(names, *target, option.help);
                if constexpr (!std::is_same_v<T, std::vector<std::string>>)
                    added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
                added->group(option.group)->capture_default_str();
            },
            option.target);
    }
}

/// The value given to `flag`, found before the real parse: it decides the defaults of that parse.
std::string early_value(const std::vector<std::string>& reversed, const std::string& flag) {
    for (size_t i = reversed.size(); i-- > 0;) {
        if (reversed[i] == flag && i > 0) return reversed[i - 1];
        if (reversed[i].starts_with(flag + "=")) return reversed[i].substr(flag.size() + 1);
    }
    return {};
}

/// Named after the data sets: runs/celeba-001.
std::filesystem::path new_run_folder(const TrainConfig& config) {
    std::string names;
    for (const sg::DataSource& source : sg::data_sources(config))
        names += (names.empty() ? "" : "-") + source.name;
    for (int number = 1;; ++number) {
        const std::filesystem::path path = fmt::format("runs/{}-{:03}", names, number);
        if (!std::filesystem::exists(path)) return path;
    }
}

int run(int argc, char** argv) {
    TrainConfig config;
    CommandLine line;
    auto arguments = sg::tools::from_official_flags({argv + 1, argv + argc});
    std::reverse(arguments.begin(), arguments.end());  // the order CLI11 wants a vector in
    line.resume = early_value(arguments, "--resume");
    line.config_file = early_value(arguments, "--config");
    if (!line.resume.empty() && line.config_file.empty())
        line.config_file = (std::filesystem::path(line.resume) / "config.toml").string();
    if (!line.config_file.empty()) {
        sg::require(std::filesystem::exists(line.config_file), "config", "{} does not exist",
                    line.config_file);
        sg::apply_toml_file(config, line.config_file);
    }

    CLI::App app{
        "Trains StarGAN (Choi et al., CVPR 2018). With no arguments: the paper's "
        "configuration on built-in faces."};
    add_options(app, config);
    app.add_option("--config", line.config_file, "TOML file with any of these settings");
    app.add_option("--resume", line.resume, "go on with the run in this folder");
    app.add_option("--stop-after", line.stop_after, "save and stop after this many iterations");
    app.add_flag("--print-config", line.print_config, "print the resulting configuration and exit");
    app.add_flag("--quiet", line.quiet, "no progress, only the result");
    if (const auto code = sg::tools::parse(app, std::move(arguments))) return *code;
    const bool resuming = app.count("--resume") > 0;
    if (resuming && line.resume.empty()) throw sg::tools::UsageError("--resume needs a folder");
    if (resuming && app.count("--out") > 0)
        throw sg::tools::UsageError("--resume goes on in its own folder; leave --out out");
    if (line.stop_after < 0) throw sg::tools::UsageError("--stop-after needs a positive number");
    if (line.print_config) {
        sg::validate(config);
        fmt::print("{}", sg::to_toml(config));
        return sg::tools::exit_success;
    }

    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    sg::validate(config);
    sg::TrainRequest request{.config = config,
                             .run = {},
                             .cache = sg::tools::pack_folder(),
                             .resume = !line.resume.empty(),
                             .stop_after = line.stop_after,
                             .stop = &stop_requested};
    request.run = request.resume       ? std::filesystem::path(line.resume)
                  : config.out.empty() ? new_run_folder(config)
                                       : std::filesystem::path(config.out);
    request.config.out = request.run.string();
    sg::tools::TrainDisplay display(config, line.quiet);
    const auto [device, reason] =
        sg::tools::open_device({config.device, config.threads, config.conv},
                               [&](const std::string& fact) { display.message(fact); });
    display.message(
        fmt::format("device: {}{}\nprecision: {}\nimages: {}, batch {}\nrun folder: {}\n",
                    sg::tools::device_report(*device),
                    reason.empty() ? "" : fmt::format("; no GPU is used: {}", reason),
                    config.precision, config.image_size, config.batch_size, request.run.string()));
    const sg::TrainResult result = config.baseline == "pairwise"
                                       ? sg::train_pairwise(*device, request, display.observer())
                                       : sg::train(*device, request, display.observer());
    display.finish();

    for (const auto& [what, path] :
         {std::pair{"checkpoint", result.checkpoint}, {"sample grid", result.sample_grid}})
        if (!path.empty()) fmt::print("{}: {}\n", what, path.string());
    if (!result.truth.empty())
        fmt::print("\nmean absolute error to the true picture of held-out faces, in 1/255:\n{}",
                   sg::to_table(result.truth));
    if (!result.finished)
        fmt::print("stopped after iteration {} of {}; go on with: sg_train --resume {}\n",
                   result.iteration, config.num_iters, request.run.string());
    return sg::tools::exit_success;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_train", run, argc, argv);
}
