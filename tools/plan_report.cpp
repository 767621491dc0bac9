#include "tools/plan_report.h"

#include "kernels/sim/sim_context.h"

namespace sg::tools {

CLI::Option* add_plan_options(CLI::App& app, PlanOptions& o) {
    constexpr int most = 1 << 16;
    CLI::Option* plan = app.add_flag("--plan", o.wanted, "what training takes of a GPU's memory");
    const auto count = [&](const char* name, int& value, const char* help) {
        app.add_option(name, value, help)
            ->check(CLI::Range(1, most))
            ->capture_default_str()
            ->needs(plan);
    };
    count("--image-size", o.image_size, "height and width of the images");
    count("--batch-size", o.batch_size, "images per step");
    count("--labels", o.labels, "attributes");
    count("--g-conv-dim", o.model.g_conv_dim, "channels after G's first layer");
    count("--d-conv-dim", o.model.d_conv_dim, "channels after D's first layer");
    count("--g-repeat-num", o.model.g_repeat_num, "G's residual blocks");
    count("--d-repeat-num", o.model.d_repeat_num, "D's strided layers");
    count("--architecture", o.architecture, "compute capability: 80, 86, 89, 90, 100, 120");
    return plan;
}

namespace {

/// The run that the flags describe.
PlannedRun planned_run(const PlanOptions& options) {
    PlannedRun run{.model = options.model, .batch = options.batch_size};
    run.model.height = run.model.width = options.image_size;
    LabelGroup group{.name = "labels", .kind = LabelKind::multi_label, .names = {}};
    for (int i = 0; i < options.labels; ++i) group.names.push_back(fmt::format("label_{}", i));
    run.model.labels.groups = {group};
    return run;
}

}  // namespace

void print_plan(const PlanOptions& options) {
    PlannedRun run = planned_run(options);
    SimOptions gpu;
    gpu.architecture = options.architecture;
    const DeviceProperties properties = SimContext(gpu).properties();

    const ModelConfig& m = run.model;
    fmt::print(
        "images {0} x {0}, batch {1}, {2} labels; G {3} channels, {4} blocks; D {5} "
        "channels, {6} layers; compute capability {7}.{8}\n\n",
        options.image_size, run.batch, options.labels, m.g_conv_dim, m.g_repeat_num, m.d_conv_dim,
        m.d_repeat_num, options.architecture / 10, options.architecture % 10);
    fmt::print("{:<17} {:>10} {:>10} {:>10} {:>10} {:>9}\n", "MB", "model", "D alone", "D and G",
               "in all", "block");
    const auto mb = [](size_t bytes) { return double(bytes) / 1e6; };
    for (const Precision precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
        run.precision = precision;
        double reference = 0;
        for (const StepKind step : {StepKind::reference, StepKind::fused}) {
            run.step = step;
            const TrainingPlan plan = plan_training(properties, run);
            const double own = mb(plan.peak_bytes - plan.model_bytes);
            fmt::print("{:<17} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>9.1f}{}\n",
                       fmt::format("{} {}", to_string(precision), to_string(step)),
                       mb(plan.model_bytes), mb(plan.d_step_bytes), own, mb(plan.peak_bytes),
                       mb(plan.block_bytes),
                       reference > 0
                           ? fmt::format("   steps: {:.0f} % of reference", 100 * own / reference)
                           : "");
            reference = own;
        }
    }
    fmt::print(
        "\nmodel: parameters, Adam's moments. D alone, D and G: the most that such turns use "
        "beside the model.\nblock: what training takes at its start and never adds to; "
        "every tensor has the same place in it in every iteration.\n");
}

}  // namespace sg::tools
