#include "engine/device.h"

#include <cstring>
#include <fstream>

#include <dnnl.hpp>

#include "engine/upload_queue.h"

namespace sg {

std::unique_ptr<Device> Device::cpu(int threads) {
    return std::unique_ptr<Device>(new Device("cpu", std::in_place_type<CpuContext>, threads));
}

std::unique_ptr<Device> Device::sim(const SimOptions& options) {
    return std::unique_ptr<Device>(new Device("sim", std::in_place_type<SimContext>, options));
}

int Device::threads() const {
    return std::visit([](const auto& context) { return context.threads(); }, context_);
}

void Device::upload(void* to, const void* from, size_t bytes) {
    std::memcpy(to, from, bytes);
}
void Device::download(void* to, const void* from, size_t bytes) {
    ++downloads_;
    std::memcpy(to, from, bytes);
}
void Device::copy(void* to, const void* from, size_t bytes) {
    std::memcpy(to, from, bytes);
}
void Device::zero(void* to, size_t bytes) {
    std::memset(to, 0, bytes);
}

namespace {

/// Where kernels read the host's memory and have ended when their call returns: nothing is copied,
/// and there is nothing to wait for.
class HostUploads : public UploadBackend {
  public:
    HostUploads(Device& device, size_t bytes, int depth) : bytes_(bytes) {
        for (int i = 0; i < depth; ++i)
            slots_.push_back(std::make_unique<DeviceBytes>(device, bytes));
    }
    std::span<std::byte> host(int slot) override {
        return {static_cast<std::byte*>(slots_[slot]->data()), bytes_};
    }
    const void* submit(int slot) override { return slots_[slot]->data(); }
    void release(int) override {}

  private:
    size_t bytes_;
    std::vector<std::unique_ptr<DeviceBytes>> slots_;
};

}  // namespace

std::unique_ptr<UploadBackend> Device::make_uploads(size_t bytes, int depth) {
    return std::make_unique<HostUploads>(*this, bytes, depth);
}

std::string cpu_model_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

std::string cpu_isa_name() {
    switch (dnnl::get_effective_cpu_isa()) {
        case dnnl::cpu_isa::sse41:
            return "SSE4.1";
        case dnnl::cpu_isa::avx:
            return "AVX";
        case dnnl::cpu_isa::avx2:
            return "AVX2";
        case dnnl::cpu_isa::avx2_vnni:
            return "AVX2 VNNI";
        case dnnl::cpu_isa::avx512_core:
            return "AVX-512";
        case dnnl::cpu_isa::avx512_core_vnni:
            return "AVX-512 VNNI";
        case dnnl::cpu_isa::avx512_core_bf16:
            return "AVX-512 BF16";
        case dnnl::cpu_isa::avx512_core_amx:
            return "AMX BF16";
        default:
            return "oneDNN's default";
    }
}

Bf16Support cpu_bf16_support() {
    // The enumeration is a bit mask that grows with the instruction set.
    const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto has = [isa](dnnl::cpu_isa needed) {
        return (isa & static_cast<unsigned>(needed)) == static_cast<unsigned>(needed);
    };
    if (has(dnnl::cpu_isa::avx512_core_bf16)) return Bf16Support::native;
    return has(dnnl::cpu_isa::avx512_core) ? Bf16Support::emulated : Bf16Support::none;
}

}  // namespace sg
