#include "benchmarks/report.h"

#include <sched.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <set>

#include "benchmarks/commit.h"  // by cmake/write_commit.cmake
#include "kernels/common/context.h"
#include "kernels/common/error.h"
#include "kernels/common/processor.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cublas/conv_provider.h"
#include "kernels/cuda/cuda_context.h"
#include "kernels/cuda/facts.h"
#endif
#ifdef SG_CUDNN_ENABLED
#include "kernels/cudnn/target.h"
#endif

namespace sg {

namespace {

using Json = nlohmann::json;

std::string today() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    char text[16];
    std::strftime(text, sizeof(text), "%Y-%m-%d", &local);
    return text;
}

#ifdef SG_CUDA_ENABLED
void add_gpu(Json& facts) {
    const CudaContext context;
    const CudaFacts gpu = cuda_facts(context.device());
    facts["device_name"] = context.properties().name;
    facts["architecture"] = context.properties().architecture;
    facts["libraries"]["CUDA"] = gpu.runtime;
    facts["libraries"]["driver's CUDA"] = gpu.driver;
    if (gpu.clock_mhz) facts["clock_mhz"] = gpu.clock_mhz;
    if (gpu.memory_clock_mhz) facts["memory_clock_mhz"] = gpu.memory_clock_mhz;
#ifdef SG_CUDNN_ENABLED
    try {
        facts["libraries"]["cuDNN"] = CudnnTarget::version();
    } catch (const Error&) {  // it is looked for at run time and need not be there
    }
#endif
}
#endif

/// A number of the core that a processor belongs to: of the first of its processors.
int core_of(int cpu) {
    std::ifstream siblings(
        fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    int first = cpu;
    siblings >> first;
    return siblings ? first : cpu;
}

/// One processor of each core before a second of any.
std::vector<int> by_core(const std::vector<int>& processors) {
    std::set<int> cores;
    std::vector<int> first, others;
    for (const int cpu : processors)
        (cores.insert(core_of(cpu)).second ? first : others).push_back(cpu);
    first.insert(first.end(), others.begin(), others.end());
    return first;
}

}  // namespace

Json new_report(const std::string& command, const std::string& arguments, Json environment) {
    return {{"format", "stargan-bench-1"}, {"command", command},
            {"arguments", arguments},      {"environment", std::move(environment)},
            {"cases", Json::array()},      {"measurements", Json::array()}};
}

void add_measurement(Json& report, const std::string& name, const std::vector<double>& samples,
                     const std::string& unit) {
    report["measurements"].push_back({{"name", name}, {"unit", unit}, {"samples", samples}});
}

Json environment(const std::string& device, int threads) {
    Json facts = {{"date", today()},
                  {"version", SG_VERSION},
                  {"commit", SG_COMMIT},
                  {"modified", SG_MODIFIED},
                  {"compiler", __VERSION__},
                  {"device", device},
                  {"device_name", cpu_model_name()},
                  {"isa", device == "cuda" ? "" : cpu_isa_name()},
                  {"threads", device == "cuda" ? 1 : CpuContext(threads).threads()},
                  {"libraries", {{"CPU convolutions", convolution_library()}}}};
#ifdef SG_CUDA_ENABLED
    if (device == "cuda") add_gpu(facts);
#endif
    if (const size_t cache = cache_bytes(device)) facts["cache_bytes"] = cache;
    return facts;
}

size_t cache_bytes(const std::string& device) {
#ifdef SG_CUDA_ENABLED
    if (device == "cuda") return cuda_facts(CudaContext().device()).l2_bytes;
#endif
    if (device == "cuda") return 0;
    for (const int level : {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE})
        if (const long bytes = sysconf(level); bytes > 0) return size_t(bytes);
    return 0;
}

PinnedThreads::PinnedThreads(int threads) : threads_(threads) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &allowed)) processors_.push_back(cpu);
    processors_ = by_core(processors_);
    if (int(processors_.size()) < threads) threads_ = 0;
    if (threads_ == 0) return;
#pragma omp parallel num_threads(threads_)
    {
        cpu_set_t own;
        CPU_ZERO(&own);
        CPU_SET(processors_[size_t(omp_get_thread_num())], &own);
        sched_setaffinity(0, sizeof(own), &own);
    }
}

PinnedThreads::~PinnedThreads() {
    if (threads_ == 0) return;
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const int cpu : processors_) CPU_SET(cpu, &all);
#pragma omp parallel num_threads(threads_)
    sched_setaffinity(0, sizeof(all), &all);
}

}  // namespace sg
