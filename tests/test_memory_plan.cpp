#include "train/memory_plan.h"

#include "tests/model_cases.h"
#include "train/step_log.h"

using namespace sg;
using namespace sg::testing;

namespace {

/// Limits as an H200 has them.
DeviceProperties gpu(int architecture) {
    SimOptions options;
    options.architecture = architecture;
    return SimContext(options).properties();
}

PlannedRun paper_run(Precision precision, int batch = 16) {
    ModelConfig model;  // the defaults are the paper's
    model.labels.groups = {kFive};
    return {.model = model, .precision = precision, .batch = batch};
}

/// The same iteration where it really runs.
size_t used_bytes(Device& device, const PlannedRun& run) {
    StarGan model(device, run.model, run.precision, run.ema, masters_for(run.step));
    initialise(model, 1);
    StepLog log(model, run.batch, run.log_rows);
    log.begin(1, 0, 1e-4, 1e-4);
    const auto turn = [&](const TrainingBatch& batch, bool g_turn) {
        training_turn(model, run.loss, batch, run.step, g_turn, [&](const auto& step) {
            log.add(step, batch);
            apply(model, step, 1e-4, {}, log.halted());
        });
    };
    const auto new_batch = [&] {
        return random_batch(device, run.model, run.precision, 0, run.batch, 5);
    };
    // Each data set has its batches up to the next G step, with their fakes; G may have a turn
    // while they are there.
    std::vector<std::vector<TrainingBatch>> sets(run.sets);
    for (auto& batches : sets) {
        for (int i = 0; i < run.n_critic - 1; ++i) batches.push_back(new_batch());
        if (run.step == StepKind::fused) generate_fakes(model.G, batches);
        turn(std::exchange(batches[0], {}), false);
    }
    turn(new_batch(), true);
    return device.arena().peak_bytes();
}

}  // namespace

TEST_CASE("the plan is what an iteration takes", "[plan]") {
    for (const auto& [precision, architecture] :
         {std::pair{Precision::f32, 80}, {Precision::bf16, 90}}) {
        INFO(to_string(precision) << " on " << architecture);
        const PlannedRun plain{.model = tiny_config(), .precision = precision, .batch = 3};
        PlannedRun options_on = plain;
        options_on.model.upsample = Upsample::resize, options_on.ema = 0.9;
        options_on.step = StepKind::reference;
        // So many images ahead that D's turns take the most.
        PlannedRun far_ahead = plain;
        far_ahead.n_critic = 9, far_ahead.sets = 2;
        for (const PlannedRun& run : {plain, options_on, far_ahead}) {
            INFO(to_string(run.model.upsample) << ", ema " << run.ema << ", " << to_string(run.step)
                                               << ", n_critic " << run.n_critic);
            SimOptions options;
            options.architecture = architecture;
            const auto sim = Device::sim(options);
            const TrainingPlan plan = plan_training(gpu(architecture), run);
            CHECK(plan.peak_bytes == plan_training(*sim, run).peak_bytes);
            CHECK(plan.block_bytes >= plan.peak_bytes);
            sim->arena().reserve(plan.block_bytes);
            CHECK(used_bytes(*sim, run) == plan.peak_bytes);
            CHECK(sim->arena().block_count() == 1);
        }
    }
}

TEST_CASE("the paper's configuration fits small GPUs", "[plan]") {
    for (const int architecture : {80, 90, 120}) {
        INFO("architecture " << architecture);
        const auto planned_gigabytes = [&](Precision precision) {
            return double(plan_training(gpu(architecture), paper_run(precision)).block_bytes) / 1e9;
        };
        const double f32 = planned_gigabytes(Precision::f32);
        const double bf16 = planned_gigabytes(Precision::bf16);
        WARN("planned for " << architecture << ": " << f32 << " GB in f32, " << bf16
                            << " GB in bf16");
        CHECK(f32 < 6);
        CHECK(bf16 < 3);
    }
}

TEST_CASE("the fused step needs at most 60 % of the reference's memory", "[plan]") {
    for (const Precision precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
        INFO(to_string(precision));
        const auto steps = [&](StepKind kind) {
            PlannedRun run = paper_run(precision);
            run.step = kind;
            const TrainingPlan plan = plan_training(gpu(90), run);
            CHECK(plan.d_step_bytes + plan.model_bytes <= plan.peak_bytes);
            return double(plan.peak_bytes - plan.model_bytes);
        };
        CHECK(steps(StepKind::fused) <= 0.6 * steps(StepKind::reference));
    }
}

TEST_CASE("a second stream costs little memory", "[plan]") {
    for (const Precision precision : {Precision::f32, Precision::bf16}) {
        PlannedRun run = paper_run(precision);
        const TrainingPlan one = plan_training(gpu(90), run);
        run.side_stream = true;
        const TrainingPlan two = plan_training(gpu(90), run);
        WARN(to_string(precision) << ": " << one.peak_bytes / 1e9 << " GB, with a second stream "
                                  << two.peak_bytes / 1e9);
        CHECK(two.peak_bytes > one.peak_bytes);
        CHECK(double(two.peak_bytes) < 1.2 * double(one.peak_bytes));
    }
}

TEST_CASE("a plan names the memory of the model", "[plan]") {
    const TrainingPlan plan = plan_training(gpu(90), paper_run(Precision::f32));
    constexpr size_t parameters = 8'430'528 + 44'762'048, copies = 3;  // value and two moments
    CHECK(plan.model_bytes >= parameters * copies * 4);
    CHECK(plan.model_bytes < parameters * copies * 4 * 1.001);
    PlannedRun averaged = paper_run(Precision::f32);
    averaged.ema = 0.999;
    const size_t more = plan_training(gpu(90), averaged).model_bytes - plan.model_bytes;
    CHECK((more >= 8'430'528 * 4 && more < 8'430'528 * 4 * 1.001));  // G once more, no moments
    // In bf16 the fused step's parameters are split, the reference's have a copy.
    PlannedRun bf16 = paper_run(Precision::bf16);
    CHECK(plan_training(gpu(90), bf16).model_bytes == plan.model_bytes);
    bf16.step = StepKind::reference;
    const size_t copy = plan_training(gpu(90), bf16).model_bytes - plan.model_bytes;
    CHECK((copy >= parameters * 2 && copy < parameters * 2 * 1.001));
}

TEST_CASE("a plan lists every convolution once", "[plan]") {
    const TrainingPlan plan = plan_training(gpu(90), paper_run(Precision::bf16));
    for (size_t i = 0; i < plan.convolutions.size(); ++i)
        for (size_t j = 0; j < i; ++j) CHECK_FALSE(plan.convolutions[i] == plan.convolutions[j]);
    const auto listed = [&](ConvPass pass, int64_t C, int64_t K, int64_t R) {
        return std::any_of(plan.convolutions.begin(), plan.convolutions.end(), [&](const auto& c) {
            return c.pass == pass && c.shape.C == C && c.shape.K == K && c.shape.R == R;
        });
    };
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad, ConvPass::wgrad}) {
        CHECK(listed(pass, 256, 256, 3));  // G's residual blocks
        CHECK(listed(pass, 128, 256, 4));  // down, and up as its transpose
        CHECK(listed(pass, 64, 3, 7));     // G's last layer
    }
    // D's dgrads apply LeakyReLU's mask on the way: that is nobody's but our own kernels' to do.
    CHECK(listed(ConvPass::forward, 1024, 2048, 4));
    CHECK(listed(ConvPass::wgrad, 1024, 2048, 4));
    CHECK_FALSE(listed(ConvPass::dgrad, 1024, 2048, 4));
    CHECK(listed(ConvPass::forward, 3, 64, 7));
}

TEST_CASE("a run that does not fit is refused with what would", "[plan]") {
    const PlannedRun run = paper_run(Precision::f32);
    const TrainingPlan plan = plan_training(gpu(90), run);
    const auto with = [&](size_t free) {
        require_memory(plan, run, gpu(90), {.free = free, .total = size_t{8} << 30});
    };
    with(plan.block_bytes + (size_t{256} << 20));
    expect_error([&] { with(size_t{1'900'000'000}); },
                 {"memory", "batch 16 in f32", "1.90 GB of 8.59 GB are free", "batch ", "would fit",
                  "bf16 would take"});
    expect_error([&] { with(size_t{600'000'000}); }, {"a smaller image size or network"});
    expect_error([&] { with(0); }, {"0.00 GB of 8.59 GB are free"});
}

TEST_CASE("devices in the host's memory need no preparation", "[plan]") {
    const auto sim = Device::sim();
    bool said = false;
    prepare_device(*sim, paper_run(Precision::f32), [&](const std::string&) { said = true; });
    CHECK_FALSE(said);
    CHECK(sim->arena().reserved_bytes() == 0);
}

TEST_CASE("a batch that fits is found", "[plan]") {
    PlannedRun run = paper_run(Precision::f32, 9);
    const size_t bytes = plan_training(gpu(90), run).block_bytes;
    run.batch = 64;
    CHECK(fitting_batch(gpu(90), run, bytes) == 9);
    CHECK(fitting_batch(gpu(90), run, bytes - 1) == 8);
    CHECK(fitting_batch(gpu(90), run, 1000) == 0);
}
