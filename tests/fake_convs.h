#pragma once

#include <optional>

#include "kernels/conv/choice/chooser.h"
#include "tests/support.h"

// Who computes convolutions, pretended: nothing is computed, everything can be arranged.

namespace sg::testing {

/// What a fake candidate does: how long it takes, what it needs, whether it works.
struct Fake {
    std::string name;
    double microseconds = 1;
    int64_t workspace = 0;
    bool builds = true, runs = true, kills = false;
};

struct FakeImplementation : ConvImplementation {
    explicit FakeImplementation(Fake fake, int& runs) : fake(std::move(fake)), runs(runs) {}
    int64_t workspace_bytes() const override { return fake.workspace; }
    void run(const ConvOperands&, void*) override { ++runs; }
    Fake fake;
    int& runs;
};

struct FakeProvider : ConvProvider {
    FakeProvider(const char* provider, std::vector<Fake> fakes, std::string version = "1")
        : provider(provider), fakes(std::move(fakes)), its_version(std::move(version)) {}
    const char* name() const override { return provider; }
    std::string version() const override { return its_version; }
    std::vector<std::string> candidates(const ConvCall&) override {
        ++asked;
        if (fakes.empty()) throw Error("fake", "has no answer");
        std::vector<std::string> names;
        for (const Fake& fake : fakes) names.push_back(fake.name);
        return names;
    }
    std::unique_ptr<ConvImplementation> build(const ConvCall&, const std::string& name) override {
        for (const Fake& fake : fakes)
            if (fake.name == name && fake.builds)
                return std::make_unique<FakeImplementation>(fake, runs);
        throw Error("fake", name + " does not build");
    }
    const char* provider;
    std::vector<Fake> fakes;
    std::string its_version;
    int asked = 0, runs = 0;
};

inline double fake_time(const ConvCall&, ConvImplementation& implementation) {
    const Fake& fake = dynamic_cast<FakeImplementation&>(implementation).fake;
    if (fake.kills) throw LostDevice("fake", "an illegal address");
    if (!fake.runs) throw Error("fake", fake.name + " does not run");
    return fake.microseconds;
}

inline const ConvCall kCall{.shape = {.N = 1, .H = 4, .W = 4, .C = 8, .K = 8}};

/// A chooser and the providers that it was given.
struct Choosing {
    Choosing(std::vector<FakeProvider> given, ConvChooser::Options options) {
        std::vector<std::unique_ptr<ConvProvider>> owned;
        for (FakeProvider& provider : given) {
            owned.push_back(std::make_unique<FakeProvider>(std::move(provider)));
            providers.push_back(static_cast<FakeProvider*>(owned.back().get()));
        }
        options.say = [this](const std::string& line) { said.push_back(line); };
        chooser.emplace(std::move(owned), fake_time, std::move(options));
    }
    std::string choice(const ConvCall& call = kCall) {
        chooser->choose(call);
        const ConvChoice& choice = chooser->choices().at(to_string(call));
        return choice.provider + " " + choice.candidate;
    }
    std::vector<FakeProvider*> providers;
    std::vector<std::string> said;
    std::optional<ConvChooser> chooser;
};

}  // namespace sg::testing
