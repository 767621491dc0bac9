#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/conv/choice/provider.h"

namespace sg {

/// Who computes a device's convolutions: the fastest of all, our own kernels, or NVIDIA's libraries
/// wherever they can.
enum class ConvPolicy { automatic, own, cudnn };
ConvPolicy conv_policy_from_string(const std::string& text);  ///< "auto", "own", "cudnn"
const char* to_string(ConvPolicy policy);

/// One call's winner, as it is remembered.
struct ConvChoice {
    std::string provider, candidate;
    double microseconds = 0;
};

/// Decides who computes each convolution. choose() runs every candidate of all providers and
/// remembers the fastest, in a file, too; get() takes what was chosen or remembered, else what can
/// be had without measuring. Only candidates that give the same bits in every run are offered, but
/// two of them differ in rounding: the same file, or ConvPolicy::own, makes two runs agree to the
/// bit.
class ConvChooser {
  public:
    /// Microseconds that one run takes. Throws Error if it does not run, LostDevice if nothing
    /// will.
    using Timer = std::function<double(const ConvCall&, ConvImplementation&)>;
    struct Options {
        ConvPolicy policy = ConvPolicy::automatic;
        std::string gpu = {};                 ///< choices hold for this GPU
        std::filesystem::path memory = {};    ///< where choices are kept; empty: nowhere
        int64_t workspace_limit = 256 << 20;  ///< bytes; candidates that want more are passed over
        /// Seconds after which the rest of a provider's candidates for a call is passed over: some
        /// of cuDNN's are compiled first, which takes seconds for each.
        double patience = 20;
        std::function<void(const std::string& line)> say = {};  ///< facts for the user
    };

    /// With ConvPolicy::cudnn the provider named "own" is asked only where no other has a working
    /// candidate; that is said, once per call. With the others "own" is what get() falls back on.
    ConvChooser(std::vector<std::unique_ptr<ConvProvider>> providers, Timer timer, Options options);

    /// Measures, unless the choice is remembered. Throws Error if nobody can compute the call. With
    /// ConvPolicy::own nothing is measured: the model in our launchers decides, always alike.
    /// Returns whether it measured.
    bool choose(const ConvCall& call);
    /// The implementation for a call, without measuring. Throws Error if nobody can compute it.
    ConvImplementation& get(const ConvCall& call);

    /// What was measured, now or earlier, by to_string(call).
    const std::map<std::string, ConvChoice>& choices() const { return choices_; }

  private:
    struct Hash {
        size_t operator()(const ConvCall& call) const;
    };
    struct Found {
        std::unique_ptr<ConvImplementation> implementation;
        ConvChoice choice;
    };
    std::unique_ptr<ConvImplementation> remembered(const ConvCall& call);
    Found search(const ConvCall& call, bool own, bool measure);
    Found measured(const ConvCall& call);
    Found unmeasured(const ConvCall& call);
    std::vector<std::string> candidates_of(ConvProvider& provider, const ConvCall& call);
    void say_missing(const ConvCall& call);
    [[noreturn]] void refuse(const ConvCall& call) const;
    void load();
    void save() const;

    std::vector<std::unique_ptr<ConvProvider>> providers_;
    Timer timer_;
    Options options_;
    std::string scope_;  ///< what choices in the file depend on besides the call
    std::unordered_map<ConvCall, std::unique_ptr<ConvImplementation>, Hash> implementations_;
    std::map<std::string, ConvChoice> choices_;
    std::set<std::string> missing_;  ///< calls of which it was said that no library computes them
    std::string last_failure_;
};

}  // namespace sg
