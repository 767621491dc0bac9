#include "benchmarks/step_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/stages.h"
#include "kernels/common/error.h"
#include "train/joint_schedule.h"

namespace sg {

namespace {

constexpr double learning_rate = 1e-4;

std::vector<Tensor> losses_of(const DiscriminatorStep& d) {
    return {d.loss_real, d.loss_fake, d.loss_cls, d.loss_gp};
}
std::vector<Tensor> losses_of(const GeneratorStep& g) {
    return {g.loss_fake, g.loss_cls, g.loss_rec};
}

/// Samples of every stage, in the order in which they first came.
class Stages {
  public:
    void add(bool of_g, const std::string& name, double ms) {
        const auto same = [&](const auto& s) { return s.of_g == of_g && s.name == name; };
        auto found = std::ranges::find_if(all_, same);
        if (found == all_.end()) found = all_.insert(all_.end(), {of_g, name, {}});
        found->samples.push_back(ms);
    }
    void add(bool of_g, const std::vector<std::pair<std::string, double>>& stages) {
        for (const auto& [name, ms] : stages) add(of_g, name, ms);
    }
    std::vector<StageTime> summary() const {
        std::vector<StageTime> times;
        for (const Stage& s : all_)
            times.push_back({.of_g = s.of_g, .name = s.name, .time = summarise(s.samples)});
        std::ranges::stable_sort(times, {}, &StageTime::of_g);
        return times;
    }

  private:
    struct Stage {
        bool of_g;
        std::string name;
        std::vector<double> samples;
    };
    std::vector<Stage> all_;
};

}  // namespace

StepRunner::StepRunner(StarGan& model, TrainingBatch batch, const StepBenchmark& benchmark)
    : model_(model),
      batch_(std::move(batch)),
      benchmark_(benchmark),
      device_(batch_.x_real.device()),
      together_(JointSchedule(1, "one", benchmark.n_critic).together(0).count) {}

bool StepRunner::makes_fakes_together() const {
    return benchmark_.step == StepKind::fused && benchmark_.n_critic > 1;
}

double StepRunner::timed(const char* name, const std::function<void()>& work) {
    device_.synchronize();
    const auto start = std::chrono::steady_clock::now();
    if (benchmark_.graph)
        device_.run_as_graph(name, work);
    else
        work();
    device_.synchronize();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    for (const Tensor& loss : std::exchange(losses_, {}))
        require(std::isfinite(loss.item()), "benchmark", "a step has a loss of {}", loss.item());
    return time.count();
}

void StepRunner::queue_turn(const TrainingBatch& batch, bool g_turn,
                            const std::function<void()>& after_d) {
    training_turn(model_, {}, batch, benchmark_.step, g_turn, [&](const auto& step) {
        update(model_, step, {});
        for (const Tensor& loss : losses_of(step)) losses_.push_back(loss);
        if constexpr (std::is_same_v<std::decay_t<decltype(step)>, DiscriminatorStep>) after_d();
    });
}

double StepRunner::timed_turn(const TrainingBatch& batch, bool g_turn) {
    schedule_updates(model_, g_turn, learning_rate, learning_rate, {});
    return timed(g_turn ? "D and G" : "D", [&] { queue_turn(batch, g_turn, [] {}); });
}

double StepRunner::d_step() {
    if (!makes_fakes_together()) return timed_turn(batch_, false);
    std::vector<TrainingBatch> batches(size_t(together_), batch_);
    const double fakes = timed("fakes", [&] { generate_fakes(model_.G, batches); });
    return fakes / together_ + timed_turn(batches[0], false);
}

double StepRunner::d_and_g() {
    return timed_turn(batch_, true);
}

double StepRunner::macro_iteration() {
    const JointSchedule schedule(1, "one", benchmark_.n_critic);
    const bool graph = benchmark_.graph;
    std::vector<TrainingBatch> ahead;
    const auto iteration = [&](int64_t i) {
        const bool g_turn = schedule.steps(i)[0].g_step;
        const auto [first, count] = schedule.together(i);
        const bool fakes = makes_fakes_together() && !g_turn && first == i;
        schedule_updates(model_, g_turn, learning_rate, learning_rate, {});
        const auto turn = [&] {
            if (fakes) {
                ahead.assign(size_t(count), batch_);
                generate_fakes(model_.G, ahead);
            }
            const bool known = makes_fakes_together() && !g_turn;
            queue_turn(known ? ahead[size_t(i - first)] : batch_, g_turn, [] {});
        };
        if (graph)
            device_.run_as_graph(g_turn ? "D and G" : fakes ? "fakes and D" : "D", turn);
        else
            turn();
    };
    device_.synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < benchmark_.n_critic; ++i) iteration(i);
    device_.synchronize();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    losses_.clear();
    return time.count();
}

std::vector<StageTime> StepRunner::stages() {
    device_.use_two_streams(false);
    Stages stages;
    for (int round = 0; round < benchmark_.sampling.repeats; ++round) {
        TrainingBatch batch = batch_;
        if (makes_fakes_together()) {
            std::vector<TrainingBatch> batches(size_t(together_), batch_);
            StageTimer timer(device_);
            generate_fakes(model_.G, batches);
            double sum = 0;
            for (const auto& [name, ms] : timer.stop()) sum += ms;
            stages.add(false, "fakes", sum / together_);
            batch = batches[0];
        }
        // D's step by itself, G's from where D's ends in a turn of both.
        schedule_updates(model_, false, learning_rate, learning_rate, {});
        {
            StageTimer timer(device_);
            queue_turn(batch, false, [] {});
            stages.add(false, timer.stop());
        }
        schedule_updates(model_, true, learning_rate, learning_rate, {});
        std::optional<StageTimer> timer;
        queue_turn(batch_, true, [&] { timer.emplace(device_); });
        stages.add(true, timer->stop());
        losses_.clear();
    }
    device_.use_two_streams(benchmark_.side_stream);
    return stages.summary();
}

}  // namespace sg
