#include "kernels/common/processor.h"

#include <fstream>

#include "kernels/common/error.h"
#ifdef SG_ONEDNN_ENABLED
#include <dnnl.hpp>
#endif

namespace sg {

std::string cpu_model_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

#ifdef SG_ONEDNN_ENABLED

std::string convolution_library() {
    const dnnl_version_t* version = dnnl::version();
    return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
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

namespace {

/// The enumeration is a bit mask that grows with the instruction set.
bool has(dnnl::cpu_isa needed) {
    const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    return (isa & static_cast<unsigned>(needed)) == static_cast<unsigned>(needed);
}

}  // namespace

bool cpu_has_amx() {
    static const bool amx = has(dnnl::cpu_isa::avx512_core_amx);
    return amx;
}

bool library_convolves_bf16() {
    return has(dnnl::cpu_isa::avx512_core);
}

#else

bool cpu_has_amx() {
    return false;
}

std::string convolution_library() {
    return "our own loops (built without oneDNN)";
}

// What it was compiled for: the loops ask the processor nothing.
std::string cpu_isa_name() {
#if defined(__AVX512F__)
    return "AVX-512";
#elif defined(__AVX2__)
    return "AVX2";
#else
    return "no vector extension beyond the architecture's own";
#endif
}

bool library_convolves_bf16() {
    return false;
}

#endif

}  // namespace sg
