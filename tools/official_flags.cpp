#include "tools/official_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tools/tool.h"

namespace sg::tools {

namespace {

using Arguments = std::vector<std::string>;

void use_dashes(Arguments& arguments) {
    for (std::string& argument : arguments) {
        if (!argument.starts_with("--")) continue;
        const size_t end = std::min(argument.find('='), argument.size());
        std::replace(argument.begin(), argument.begin() + end, '_', '-');
    }
}

void refuse_without_counterpart(const Arguments& arguments) {
    constexpr std::pair<const char*, const char*> advice[] = {
        {"--c-dim", "the number of labels is derived from the data; leave it out"},
        {"--c2-dim", "the number of labels is derived from the data; leave it out"},
        {"--mode", "sg_train trains, sg_translate translates; leave it out"},
        {"--resume-iters", "use --resume RUN-FOLDER"},
        {"--test-iters", "use sg_translate --checkpoint"},
        {"--log-dir", "everything goes into one run folder: --out"},
        {"--model-save-dir", "everything goes into one run folder: --out"},
        {"--sample-dir", "everything goes into one run folder: --out"},
        {"--result-dir", "everything goes into one run folder: --out"},
        {"--use-tensorboard", "losses are written to metrics.jsonl; leave it out"},
    };
    for (const std::string& argument : arguments)
        for (const auto& [flag, what] : advice)
            if (argument == flag || argument.starts_with(std::string(flag) + "="))
                throw UsageError(fmt::format("{}: {}", flag, what));
}

enum class Repeated { last_wins, refuse };

/// Takes "FLAG VALUE" and "FLAG=VALUE" out of the arguments.
std::optional<std::string> take(Arguments& arguments, const std::string& flag,
                                Repeated repeated = Repeated::last_wins) {
    std::optional<std::string> value;
    for (size_t i = 0; i < arguments.size();) {
        const bool joined = arguments[i].starts_with(flag + "=");
        if (!joined && arguments[i] != flag) {
            ++i;
            continue;
        }
        if (!joined && i + 1 == arguments.size()) throw UsageError(flag + " needs a value");
        if (value && repeated == Repeated::refuse)
            throw UsageError(flag +
                             " is given twice beside --dataset; without --dataset it takes "
                             "KIND:PLACE, any number of times");
        value = joined ? arguments[i].substr(flag.size() + 1) : arguments[i + 1];
        arguments.erase(arguments.begin() + i, arguments.begin() + i + (joined ? 1 : 2));
    }
    return value;
}

std::string source(const std::string& kind, const std::optional<std::string>& directory,
                   const std::optional<std::string>& crop, const char* flag) {
    if (!directory) throw UsageError(fmt::format("--dataset needs {} DIRECTORY", flag));
    return fmt::format("{}:{}{}", kind, *directory, crop ? ",crop=" + *crop : "");
}

bool has(const Arguments& arguments, const std::string& flag) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
        return argument == flag || argument.starts_with(flag + "=");
    });
}

/// --dataset KIND [--data PLACE]: our own words for kinds.
std::string own_source(Arguments& arguments, const std::string& dataset) {
    if (dataset == "synth") return "synth:attributes";
    if (dataset == "synth-expressions") return "synth:expressions";
    for (const char* kind : {"celeba", "folders", "rafd", "csv", "pack"}) {
        if (dataset != kind) continue;
        const auto place = take(arguments, "--data", Repeated::refuse);
        return source(kind, place, {}, "--data");
    }
    throw UsageError(fmt::format(
        "dataset '{}' is unknown, expected CelebA, RaFD, Both, celeba, folders, rafd, csv, pack, "
        "synth or synth-expressions",
        dataset));
}

}  // namespace

std::vector<std::string> from_official_flags(std::vector<std::string> arguments) {
    use_dashes(arguments);
    refuse_without_counterpart(arguments);
    const auto dataset = take(arguments, "--dataset");
    const auto celeba = take(arguments, "--celeba-image-dir");
    const auto celeba_crop = take(arguments, "--celeba-crop-size");
    const auto rafd = take(arguments, "--rafd-image-dir");
    auto rafd_crop = take(arguments, "--rafd-crop-size");
    if (!rafd_crop && !has(arguments, "--crop-size")) rafd_crop = "256";  // the official default
    const bool both = dataset == "Both";
    std::vector<std::string> sources;
    if (both || dataset == "CelebA" || (!dataset && celeba))
        sources.push_back(source("celeba", celeba, celeba_crop, "--celeba-image-dir"));
    if (both || dataset == "RaFD" || (!dataset && rafd))
        sources.push_back(source("folders", rafd, rafd_crop, "--rafd-image-dir"));
    if (dataset && sources.empty()) sources.push_back(own_source(arguments, *dataset));
    for (const std::string& one : sources) arguments.push_back("--data=" + one);
    return arguments;
}

}  // namespace sg::tools
