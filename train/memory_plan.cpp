#include "train/memory_plan.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include <fmt/ranges.h>

#include "model/reference_step.h"
#include "train/joint_schedule.h"
#include "train/step_log.h"

namespace sg {

namespace {

/// Queues an iteration; what it took is left in the device.
TrainingPlan run_iteration(Device& planning, const PlannedRun& run) {
    TrainingPlan plan;
    planning.use_two_streams(run.side_stream);
    StarGan model(planning, run.model, run.precision, run.ema, masters_for(run.step));
    plan.model_bytes = planning.arena().bytes_in_use();
    const DType master = master_type(run.precision);
    const auto images = [&](int64_t count) {
        return Tensor::empty(planning, {count, run.model.height, run.model.width, 3}, master);
    };
    const auto labels = [&](int64_t count) {
        return Tensor::empty(planning, {count, run.model.labels.label_dim()}, master);
    };
    std::vector<Tensor> grid;  // every face with every target
    if (run.samples > 0) grid.push_back(images(run.samples));
    const auto new_batch = [&] {
        return TrainingBatch{.x_real = images(run.batch),
                             .c_org = labels(run.batch),
                             .c_trg = labels(run.batch),
                             .alpha = Tensor::empty(planning, {run.batch}, master)};
    };
    StepLog log(model, run.batch, run.log_rows);
    log.begin(1, 0, 0, 0);
    const auto turn = [&](const TrainingBatch& batch, bool g_turn) {
        training_turn(model, run.loss, batch, run.step, g_turn, [&](const auto& step) {
            log.add(step, batch);
            apply(model, step, 0, {}, log.halted());
        });
    };
    // As trainer.cpp does it: every data set has its batches up to the next G step.
    const auto ahead = JointSchedule(run.sets, "one", run.n_critic).together(0);
    std::vector<std::vector<TrainingBatch>> sets(run.sets);
    for (auto& batches : sets) {
        for (int i = 0; i < ahead.count; ++i) batches.push_back(new_batch());
        if (run.step == StepKind::fused) generate_fakes(model.G, batches);
        turn(std::exchange(batches[0], {}), false);
    }
    plan.d_step_bytes = planning.arena().peak_bytes() - plan.model_bytes;
    // With all of them there still, as when the first turns are timed, or after a run was resumed.
    turn(new_batch(), true);
    plan.peak_bytes = planning.arena().peak_bytes();
    return plan;
}

/// Pieces of different sizes leave gaps: the block is made larger until the iteration fits.
TrainingPlan plan_with(const std::function<std::unique_ptr<Device>()>& planning_device,
                       const PlannedRun& run) {
    TrainingPlan plan;
    {
        const auto planning = planning_device();
        plan = run_iteration(*planning, run);
        plan.convolutions = planning->planned_convolutions();
    }
    constexpr size_t part = 50, granularity = Arena::alignment;  // two percent more each time
    for (plan.block_bytes = plan.peak_bytes;;) {
        const auto planning = planning_device();
        planning->arena().reserve(plan.block_bytes);
        run_iteration(*planning, run);
        if (planning->arena().block_count() == 1) return plan;
        plan.block_bytes += std::max(plan.block_bytes / part, granularity);
    }
}

}  // namespace

TrainingPlan plan_training(const DeviceProperties& properties, const PlannedRun& run) {
    return plan_with([&] { return Device::planning(properties); }, run);
}

TrainingPlan plan_training(Device& device, const PlannedRun& run) {
    return plan_with([&] { return Device::planning_for(device); }, run);
}

std::string gigabytes(size_t bytes) {
    return fmt::format("{:.2f} GB", double(bytes) / 1e9);
}

namespace {

/// What a user could do about a run that does not fit.
std::string what_would_fit(const PlannedRun& run, const DeviceProperties& properties,
                           size_t bytes) {
    std::vector<std::string> advice;
    if (const int batch = fitting_batch(properties, run, bytes); batch >= 2)
        advice.push_back(fmt::format("batch {} would fit", batch));
    if (run.precision != Precision::bf16) {
        PlannedRun bf16 = run;
        bf16.precision = Precision::bf16;
        const size_t need = plan_training(properties, bf16).block_bytes;
        if (need <= bytes) advice.push_back(fmt::format("bf16 would take {}", gigabytes(need)));
    }
    if (advice.empty()) advice.emplace_back("a smaller image size or network needs less");
    return fmt::format("{}", fmt::join(advice, "; "));
}

}  // namespace

void require_memory(const TrainingPlan& plan, const PlannedRun& run,
                    const DeviceProperties& properties, const Device::Memory& available) {
    if (plan.block_bytes + reserve_bytes <= available.free) return;
    const size_t usable = available.free > reserve_bytes ? available.free - reserve_bytes : 0;
    throw Error("memory",
                fmt::format("batch {} in {} needs {} of device memory and {} for libraries; {} of "
                            "{} are free",
                            run.batch, to_string(run.precision), gigabytes(plan.block_bytes),
                            gigabytes(reserve_bytes), gigabytes(available.free),
                            gigabytes(available.total)),
                what_would_fit(run, properties, usable));
}

void prepare_device(Device& device, const PlannedRun& run,
                    const std::function<void(const std::string& line)>& say) {
    const Device::Memory available = device.memory();
    if (available.total == 0) return;
    const TrainingPlan before = plan_training(device.properties(), run);
    require_memory(before, run, device.properties(), available);
    size_t measured = 0;
    device.choose_for(before.convolutions, [&](size_t done, size_t all) {
        constexpr size_t step = 20;
        if (measured++ % step == 0)
            say(
                fmt::format("measured who computes convolution {} of {} fastest (kept for the next "
                            "start)\n",
                            done, all));
    });
    const TrainingPlan plan = plan_training(device, run);
    require_memory(plan, run, device.properties(), device.memory());
    device.arena().reserve(plan.block_bytes);
    say(fmt::format("device memory: {} for tensors, of these {} for parameters and Adam\n",
                    gigabytes(plan.block_bytes), gigabytes(plan.model_bytes)));
}

int fitting_batch(const DeviceProperties& properties, PlannedRun run, size_t bytes) {
    const int wanted = run.batch;
    const auto fits = [&](int batch) {
        run.batch = batch;
        return plan_training(properties, run).block_bytes <= bytes;
    };
    // Memory grows with the batch, but for workspaces and gaps: so a few more are tried.
    int batch = 0, too_large = wanted;
    while (too_large - batch > 1) {
        const int middle = (batch + too_large) / 2;
        (fits(middle) ? batch : too_large) = middle;
    }
    for (int more = batch + 1; more < std::min(batch + 4, wanted); ++more)
        if (fits(more)) batch = more;
    return batch;
}

}  // namespace sg
