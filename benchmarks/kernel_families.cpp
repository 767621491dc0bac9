#include <algorithm>

#include "benchmarks/kernel_family.h"
#include "kernels/common/error.h"

// Which kernels there are, and what they and their cases are called.

namespace sg {

namespace {

std::vector<const KernelFamily*> families() {
    return {&norm_family(),   &conv_family(), &penalty_family(),
            &label_family(),  &adam_family(), &pointwise_family(),
            &reduce_family(), &loss_family(), &image_family()};
}

}  // namespace

const KernelFamily& kernel_family(const std::string& kernel) {
    for (const KernelFamily* family : families())
        if (std::ranges::count(family->kernels, kernel)) return *family;
    const auto known = benchmark_kernels();
    throw Error("kernels",
                fmt::format("there is no kernel {}; there are {}", kernel, fmt::join(known, ", ")));
}

std::vector<std::string> benchmark_kernels() {
    std::vector<std::string> all;
    for (const KernelFamily* family : families())
        all.insert(all.end(), family->kernels.begin(), family->kernels.end());
    return all;
}

std::vector<LadderVersion> benchmark_versions(const std::string& kernel,
                                              const std::string& device) {
    const auto versions = kernel_family(kernel).versions(kernel, device == "cpu");
    return {versions.begin(), versions.end()};
}

std::string default_shape(const std::string& kernel, const std::string& device) {
    return kernel_family(kernel).default_shape(device);
}

bool is_conv_kernel(const std::string& kernel) {
    return &kernel_family(kernel) == &conv_family();
}

bool has_precision(const std::string& kernel, const std::string& device,
                   const std::string& precision) {
    if (precision == "tf32") return is_conv_kernel(kernel) && device != "cpu";
    return precision == "f32" || kernel_family(kernel).f32_alone == nullptr;
}

KernelWork kernel_work(const KernelBenchmark& b) {
    return kernel_family(b.kernel).work(b);
}

const char* precision_name(const KernelBenchmark& b) {
    return b.bf16 ? "bf16" : b.math == ConvMath::tf32 ? "tf32" : "f32";
}

void set_precision(KernelBenchmark& b, const std::string& name) {
    require(name == "f32" || name == "bf16" || name == "tf32", "precision",
            "{}: expected f32, tf32 or bf16", name);
    require(name != "tf32" || has_precision(b.kernel, b.device, name), "precision",
            "tf32 is for convolutions on cuda and sim, not for {} on {}", b.kernel, b.device);
    b.bf16 = name == "bf16";
    b.math = name == "tf32" ? ConvMath::tf32 : ConvMath::strict;
}

std::string shape_name(const KernelBenchmark& b) {
    if (is_conv_kernel(b.kernel)) return to_string(b.conv);
    return fmt::format("{}x{}x{}x{}", b.conv.N, b.conv.H, b.conv.W, b.conv.C);
}

std::string case_name(const KernelBenchmark& b) {
    return fmt::format("{}{}{} {} {}", b.kernel, b.layer.empty() ? "" : " ", b.layer, shape_name(b),
                       precision_name(b));
}

}  // namespace sg
