#include "kernels/conv/choice/chooser.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>

#include "kernels/common/error.h"

namespace sg {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* file_format = "stargan-conv-choices-1";

/// Fields of a line of the file, which are separated by tabs.
std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields(1);
    for (const char c : line)
        if (c == '\t')
            fields.emplace_back();
        else
            fields.back() += c;
    return fields;
}

bool is_own(const ConvProvider& provider) {
    return std::string_view(provider.name()) == "own";
}

bool parse(const std::string& text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

/// The lines of the file that hold a choice; none if there is no file of this format.
std::vector<std::vector<std::string>> read_choices(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string line;
    std::vector<std::vector<std::string>> rows;
    if (!std::getline(file, line) || line != file_format) return rows;
    while (std::getline(file, line))
        if (auto row = fields_of(line); row.size() == 5) rows.push_back(std::move(row));
    return rows;
}

}  // namespace

ConvPolicy conv_policy_from_string(const std::string& text) {
    if (text == "auto") return ConvPolicy::automatic;
    if (text == "own") return ConvPolicy::own;
    if (text == "cudnn") return ConvPolicy::cudnn;
    throw Error("conv", fmt::format("'{}' is unknown, expected auto, own or cudnn", text));
}

const char* to_string(ConvPolicy policy) {
    return policy == ConvPolicy::automatic ? "auto" : policy == ConvPolicy::own ? "own" : "cudnn";
}

size_t ConvChooser::Hash::operator()(const ConvCall& call) const {
    const ConvShape& s = call.shape;
    size_t hash = size_t(call.pass) * 8 + size_t(call.arithmetic) * 2 + size_t(call.wide_result);
    for (const int64_t value : {s.N, s.H, s.W, s.C, s.K, s.R, s.S, s.stride, s.pad,
                                int64_t(call.bias), int64_t(call.slope != 1)})
        hash = hash * 1'000'003 + size_t(value);
    return hash;
}

ConvChooser::ConvChooser(std::vector<std::unique_ptr<ConvProvider>> providers, Timer timer,
                         Options options)
    : providers_(std::move(providers)), timer_(std::move(timer)), options_(std::move(options)) {
    scope_ = fmt::format("{}; {}", options_.gpu, to_string(options_.policy));
    for (const auto& provider : providers_)
        scope_ += fmt::format("; {} {}", provider->name(), provider->version());
    load();
}

bool ConvChooser::choose(const ConvCall& call) {
    if (options_.policy == ConvPolicy::own) return false;
    auto& slot = implementations_[call];
    if (slot && choices_.contains(to_string(call))) return false;
    if (auto known = remembered(call)) {
        slot = std::move(known);
        return false;
    }
    Found found = measured(call);
    slot = std::move(found.implementation);
    choices_[to_string(call)] = std::move(found.choice);
    save();
    return true;
}

ConvImplementation& ConvChooser::get(const ConvCall& call) {
    auto& slot = implementations_[call];
    if (!slot) slot = remembered(call);
    if (!slot) slot = unmeasured(call).implementation;
    return *slot;
}

std::unique_ptr<ConvImplementation> ConvChooser::remembered(const ConvCall& call) {
    const auto choice = choices_.find(to_string(call));
    if (choice == choices_.end()) return nullptr;
    for (const auto& provider : providers_) {
        if (provider->name() != choice->second.provider) continue;
        try {
            auto implementation = provider->build(call, choice->second.candidate);
            if (options_.policy == ConvPolicy::cudnn && is_own(*provider)) say_missing(call);
            return implementation;
        } catch (const LostDevice&) {
            throw;
        } catch (const Error&) {  // the file is older than it says: choose again
        }
    }
    choices_.erase(choice);
    return nullptr;
}

/// The fastest candidate, or without measuring the first that works, of the providers that are (or
/// are not) our own kernels; nothing if none works.
ConvChooser::Found ConvChooser::search(const ConvCall& call, bool own, bool measure) {
    Found best;
    for (const auto& provider : providers_) {
        if (is_own(*provider) != own) continue;
        const auto start = Clock::now();
        for (const std::string& candidate : candidates_of(*provider, call)) {
            const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
            if (best.implementation && (!measure || seconds >= options_.patience)) break;
            try {
                auto implementation = provider->build(call, candidate);
                if (implementation->workspace_bytes() > options_.workspace_limit) continue;
                const double microseconds = measure ? timer_(call, *implementation) : 0;
                if (best.implementation && microseconds >= best.choice.microseconds) continue;
                best = {std::move(implementation), {provider->name(), candidate, microseconds}};
            } catch (const LostDevice& error) {
                throw LostDevice(error.operation(),
                                 fmt::format("{} '{}' for {}: {}", provider->name(), candidate,
                                             to_string(call), error.fact()),
                                 error.hint());
            } catch (const Error& error) {
                last_failure_ = error.what();
            }
        }
    }
    return best;
}

/// A provider that fails to answer has nothing to offer: the others do the work.
std::vector<std::string> ConvChooser::candidates_of(ConvProvider& provider, const ConvCall& call) {
    try {
        return provider.candidates(call);
    } catch (const LostDevice&) {
        throw;
    } catch (const Error& error) {
        last_failure_ = error.what();
        return {};
    }
}

void ConvChooser::say_missing(const ConvCall& call) {
    if (options_.say && missing_.insert(to_string(call)).second)
        options_.say(fmt::format("no library computes {}: our own kernel does\n", to_string(call)));
}

void ConvChooser::refuse(const ConvCall& call) const {
    throw Error("conv", fmt::format("nobody can compute {}; last failure: {}", to_string(call),
                                    last_failure_.empty() ? "none" : last_failure_));
}

ConvChooser::Found ConvChooser::measured(const ConvCall& call) {
    last_failure_.clear();
    Found libraries = search(call, false, true), own;
    const bool only_libraries = options_.policy == ConvPolicy::cudnn && libraries.implementation;
    if (options_.policy == ConvPolicy::cudnn && !only_libraries) say_missing(call);
    if (!only_libraries) own = search(call, true, true);
    if (!own.implementation && !libraries.implementation) refuse(call);
    const bool ours =
        own.implementation &&
        (!libraries.implementation || own.choice.microseconds < libraries.choice.microseconds);
    return ours ? std::move(own) : std::move(libraries);
}

ConvChooser::Found ConvChooser::unmeasured(const ConvCall& call) {
    last_failure_.clear();
    const bool libraries_first = options_.policy == ConvPolicy::cudnn;
    Found found = search(call, !libraries_first, false);
    if (!found.implementation && libraries_first) say_missing(call);
    if (!found.implementation && options_.policy != ConvPolicy::own)
        found = search(call, libraries_first, false);
    if (!found.implementation) refuse(call);
    return found;
}

void ConvChooser::load() {
    if (options_.memory.empty()) return;
    for (const auto& row : read_choices(options_.memory)) {
        ConvChoice choice{row[2], row[3]};
        if (row[0] == scope_ && parse(row[4], choice.microseconds)) choices_[row[1]] = choice;
    }
}

/// Keeps what the file has of other GPUs and versions, and of other processes.
void ConvChooser::save() const {
    if (options_.memory.empty()) return;
    std::map<std::pair<std::string, std::string>, std::string> lines;
    for (const auto& row : read_choices(options_.memory))
        lines[{row[0], row[1]}] = fmt::format("{}\t{}\t{}", row[2], row[3], row[4]);
    for (const auto& [call, choice] : choices_)
        lines[{scope_, call}] =
            fmt::format("{}\t{}\t{}", choice.provider, choice.candidate, choice.microseconds);
    std::error_code failed;
    std::filesystem::create_directories(options_.memory.parent_path(), failed);
    // Renamed into place, so that another process reads a whole file. Failing costs the next
    // process some time, so it is no error.
    const auto temporary =
        options_.memory.string() + fmt::format(".{}.tmp", static_cast<long>(getpid()));
    {
        std::ofstream file(temporary);
        file << file_format << '\n';
        for (const auto& [key, rest] : lines)
            file << key.first << '\t' << key.second << '\t' << rest << '\n';
        if (!file.flush()) failed = std::make_error_code(std::errc::io_error);
    }
    if (!failed) std::filesystem::rename(temporary, options_.memory, failed);
    if (failed) std::filesystem::remove(temporary, failed);
}

}  // namespace sg
