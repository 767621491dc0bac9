#pragma once

#include <limits>
#include <string>
#include <vector>

#include "kernels/cudnn/graph.h"

namespace sg::cudnn {

/// What an engine must not do. Of all: sums in less than f32, and anything that gives other bits in
/// another run.
struct Demands {
    /// Multiplies f32 as f32: no tensor cores, whose f32 is tf32, and no Winograd or FFT, whose
    /// error is not that of the sum.
    bool strict_f32 = false;
};

/// An engine and its settings. The name means the same in every process of one version of cuDNN:
/// "engine 45 2=1 11=0" is engine 45 with knob 2 (cudnnBackendKnobType_t) at 1 and knob 11 at 0.
struct Choice {
    int64_t engine = 0;
    std::vector<std::pair<int, int64_t>> knobs;  ///< in the order of the first

    std::string name() const;
    /// Throws Error for a text that is no name.
    static Choice of(const std::string& name);
};

inline constexpr int64_t every_candidate = std::numeric_limits<int64_t>::max();

/// The names of what cuDNN's heuristics propose for the graph, best first by their order (A, then
/// B, then its fallbacks), each once, without those that the demands exclude, at most `most`.
/// Empty if there is none. That one is proposed does not mean that it can be built.
std::vector<std::string> candidates(const Graph& graph, const Demands& demands,
                                    int64_t most = every_candidate);

/// Where an operand is.
struct Binding {
    int64_t id;
    const void* pointer;
};

/// A graph that an engine can compute. The graph must live as long.
class Plan {
  public:
    /// Throws Error if the engine cannot, or does what the demands exclude.
    Plan(const Graph& graph, const std::string& name, const Demands& demands);

    int64_t workspace_bytes() const;
    /// The name of the engine and settings in it, as cuDNN has them.
    const std::string& name() const { return name_; }
    /// Queues it on the target's stream; throws Error for a described GPU. The operands are those
    /// of the graph that are not virtual.
    void run(const std::vector<Binding>& operands, void* workspace) const;

  private:
    const Graph& graph_;
    Descriptor engine_;
    std::vector<Descriptor> knobs_;  // before what is made of them
    Descriptor settings_, plan_;
    std::string name_;
};

/// The first of the graph's candidates that can be built, whatever it does to f32; null if none
/// can.
std::unique_ptr<Plan> first_plan(const Graph& graph);

}  // namespace sg::cudnn
