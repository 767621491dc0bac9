#include <CLI/CLI.hpp>

#include "kernels/common/processor.h"
#include "tools/plan_report.h"
#include "tools/tool.h"
#include "train/checkpoint.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cublas/conv_provider.h"
#endif
#ifdef SG_CUDNN_ENABLED
#include "kernels/cudnn/target.h"
#endif

namespace {

#ifdef SG_CUDA_ENABLED
/// A line for a library that is opened at run time: what find() says, or why there is none.
template <class Find>
void print_library(const char* name, const Find& find) {
    try {
        fmt::print("{:<10} {}\n", name, find());
    } catch (const sg::Error& error) {
        fmt::print("{:<10} not used: {}\n", name, error.what());
    }
}

void print_cuda() {
    fmt::print("CUDA       kernels for {}\n", SG_CUDA_ARCHITECTURES);
#ifdef SG_CUDNN_ENABLED
    print_library("cuDNN", [] {
        return fmt::format("{} ({})", sg::CudnnTarget::version(), sg::CudnnTarget::path());
    });
#else
    fmt::print("cuDNN      not in this build\n");
#endif
    print_library("cuBLAS", [] { return sg::CublasConvProvider::library_path(); });
}
#else
void print_cuda() {
    fmt::print("CUDA       not in this build\n");
}
#endif

void print_build() {
    fmt::print("stargan.cu {} ({}, C++{})\n", SG_VERSION, __VERSION__, __cplusplus / 100 % 100);
    fmt::print("CPU        convolves by {}\n", sg::convolution_library());
    print_cuda();
}

void print_devices() {
    const auto cpu = sg::Device::cpu();
    fmt::print("devices    {}\n", sg::tools::device_report(*cpu));
    fmt::print("           bf16 convolution {}\n",
               sg::cpu_has_amx() ? "by AMX" : "by f32's kernels (no AMX)");
    fmt::print("           {}\n", sg::tools::device_report(*sg::Device::sim()));
    try {
        fmt::print("           {}\n", sg::tools::device_report(*sg::Device::cuda()));
    } catch (const sg::Error& error) {
        fmt::print("           no GPU: {}\n", error.fact());
    }
}

void print_checkpoint(const std::filesystem::path& given) {
    const auto path = sg::resolve_checkpoint(given);
    const sg::CheckpointInfo info = sg::read_checkpoint_info(path);
    const sg::ModelConfig& m = info.model;
    fmt::print("checkpoint {}\n", path.string());
    fmt::print("iteration  {} (G updated {} times, D {})\n", info.iteration, info.g_updates,
               info.d_updates);
    fmt::print("images     {} x {} (height x width), centre crop {}\n", m.height, m.width,
               fmt::join(info.crop_sizes, ", "));
    fmt::print("G          {} channels, {} residual blocks, up by {}{}\n", m.g_conv_dim,
               m.g_repeat_num, sg::to_string(m.upsample),
               info.ema > 0 ? fmt::format(", average with decay {}", info.ema) : "");
    fmt::print("D          {} channels, {} layers\n", m.d_conv_dim, m.d_repeat_num);
    for (const sg::LabelGroup& group : m.labels.groups)
        fmt::print("labels     {} ({}): {}\n", group.name, sg::to_string(group.kind),
                   fmt::join(group.names, " "));
    fmt::print("seed       {}\nsettings   {}\n", info.seed, info.settings);
}

int run(int argc, char** argv) {
    std::string checkpoint;
    sg::tools::PlanOptions plan;
    CLI::App app{
        "Says what this build is and what machine it runs on, what a checkpoint is, or what memory "
        "training will take."};
    const auto* given =
        app.add_option("checkpoint", checkpoint, "checkpoint file, or a run folder");
    sg::tools::add_plan_options(app, plan)->excludes(const_cast<CLI::Option*>(given));
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;
    if (plan.wanted) {
        sg::tools::print_plan(plan);
        return sg::tools::exit_success;
    }
    if (!checkpoint.empty()) {
        print_checkpoint(checkpoint);
        return sg::tools::exit_success;
    }
    print_build();
    print_devices();
    return sg::tools::exit_success;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_info", run, argc, argv);
}
