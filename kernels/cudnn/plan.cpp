#include "kernels/cudnn/plan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

namespace sg::cudnn {

namespace {

Descriptor engine_in(const Descriptor& settings) {
    auto engines =
        settings.descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
    require(engines.size() == 1, "cudnn", "settings without an engine");
    return std::move(engines[0]);
}

Choice choice_in(const Descriptor& settings) {
    Choice choice;
    choice.engine = engine_in(settings).get<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
    for (const Descriptor& knob :
         settings.descriptors(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                              CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS))
        choice.knobs.emplace_back(
            int(knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE)),
            knob.get<int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
    std::sort(choice.knobs.begin(), choice.knobs.end());
    return choice;
}

/// What an engine says of itself.
std::set<cudnnBackendNumericalNote_t> notes(const Descriptor& engine) {
    const auto said = engine.list<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
    return {said.begin(), said.end()};
}

/// Why the demands exclude an engine; null if they do not.
const char* excluded(const Descriptor& engine, const Demands& demands) {
    const auto said = notes(engine);
    if (said.contains(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return "other bits in other runs";
    if (said.contains(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION))
        return "sums in less than f32";
    if (said.contains(CUDNN_NUMERICAL_NOTE_WINOGRAD)) return "Winograd";
    if (said.contains(CUDNN_NUMERICAL_NOTE_FFT)) return "FFT";
    if (!demands.strict_f32) return nullptr;
    if (said.contains(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) return "tensor cores";
    if (said.contains(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)) return "rounds its operands";
    return nullptr;
}

/// What one heuristic has to say of a graph; none if cuDNN has no engine for it.
std::optional<Descriptor> heuristic(const Graph& graph, cudnnBackendHeurMode_t mode) {
    Descriptor asked(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    asked.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.finished())
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    graph.target().set_in(asked, 0, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
    try {
        asked.finalize();
    } catch (const StatusError& error) {
        if (error.not_supported()) return std::nullopt;
        throw;
    }
    return asked;
}

/// Appends the names of the acceptable ones among the heuristic's first `asked` proposals.
void add_names(const Descriptor& heuristic, int64_t asked, const Demands& demands,
               std::vector<std::string>& names) {
    for (const Descriptor& settings : heuristic.descriptors(
             CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, asked)) {
        if (excluded(engine_in(settings), demands)) continue;
        const std::string name = choice_in(settings).name();
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    forget_reasons();
}

}  // namespace

std::string Choice::name() const {
    std::string text = fmt::format("engine {}", engine);
    for (const auto& [knob, value] : knobs) text += fmt::format(" {}={}", knob, value);
    return text;
}

Choice Choice::of(const std::string& name) {
    std::istringstream stream(name);
    std::string word;
    Choice choice;
    bool valid = bool(stream >> word >> choice.engine) && word == "engine";
    int knob = 0;
    int64_t value = 0;
    char equals = 0;
    while (valid && stream >> knob) {
        valid = stream >> equals >> value && equals == '=';
        choice.knobs.emplace_back(knob, value);
    }
    require(valid && stream.eof() && choice.name() == name, "cudnn",
            "\"{}\" names no engine (as \"engine 45 2=1 11=0\" does)", name);
    return choice;
}

std::vector<std::string> candidates(const Graph& graph, const Demands& demands, int64_t most) {
    std::vector<std::string> names;
    std::exception_ptr failure;
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
        std::optional<Descriptor> proposals;
        try {
            proposals = heuristic(graph, mode);
        } catch (const StatusError&) {  // matters if no other mode has anything to propose
            failure = std::current_exception();
        }
        if (!proposals) continue;
        // Each proposal may be compiled to see whether it works: not more of them than needed.
        const int64_t all = proposals->count(CUDNN_ATTR_ENGINEHEUR_RESULTS);
        add_names(*proposals, std::min(most, all), demands, names);
        if (most < all && int64_t(names.size()) < most) add_names(*proposals, all, demands, names);
        if (int64_t(names.size()) >= most) break;
    }
    if (names.empty() && failure) std::rethrow_exception(failure);
    if (int64_t(names.size()) > most) names.resize(size_t(most));
    return names;
}

Plan::Plan(const Graph& graph, const std::string& name, const Demands& demands)
    : graph_(graph),
      engine_(CUDNN_BACKEND_ENGINE_DESCRIPTOR),
      settings_(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR),
      plan_(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
    const Choice choice = Choice::of(name);
    engine_.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.finished())
        .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, choice.engine);
    graph.target().set_in(engine_, 0, CUDNN_ATTR_ENGINE_DEVICEPROP);
    engine_.finalize();
    if (const char* reason = excluded(engine_, demands))
        throw Error("cudnn", fmt::format("{} is not acceptable: {}", name, reason));

    for (const auto& [type, value] : choice.knobs)
        knobs_.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)
            .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, cudnnBackendKnobType_t(type))
            .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value)
            .finalize();
    settings_.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine_);
    if (!knobs_.empty()) settings_.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs_);
    settings_.finalize();
    name_ = choice_in(settings_).name();

    plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, settings_);
    graph.target().set_in(plan_, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
                          CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
    plan_.finalize();
}

int64_t Plan::workspace_bytes() const {
    return plan_.get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
}

void Plan::run(const std::vector<Binding>& operands, void* workspace) const {
    const cudnnHandle_t handle = graph_.target().handle();
    std::vector<int64_t> ids;
    std::vector<void*> pointers;
    for (const Binding& operand : operands) {
        ids.push_back(operand.id);
        pointers.push_back(const_cast<void*>(operand.pointer));
    }
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers)
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .finalize();
    check(library().execute(handle, plan_.raw(), pack.raw()), "running " + name_);
}

std::unique_ptr<Plan> first_plan(const Graph& graph) {
    for (const int64_t most : {int64_t(1), every_candidate})
        for (const std::string& name : candidates(graph, {}, most)) try {
                return std::make_unique<Plan>(graph, name, Demands{});
            } catch (const StatusError& error) {
                if (!error.not_supported()) throw;
            }
    return nullptr;
}

}  // namespace sg::cudnn
