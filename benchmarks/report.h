#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sg {

class Device;

/// What sg_bench's commands write with --json: one format, so that --compare and
/// scripts/performance.py read them all.
///   format        stargan-bench-1
///   command       kernels, step, scale, loader or ceilings
///   arguments     as typed
///   environment   what it ran on: environment()
///   cases         the command's own results
///   measurements  every sample: [{"name", "unit", "samples"}]; names do not depend on the machine
nlohmann::json new_report(const std::string& command, const std::string& arguments,
                          nlohmann::json environment);

void add_measurement(nlohmann::json& report, const std::string& name,
                     const std::vector<double>& samples, const std::string& unit = "ms");

/// Date, version and commit of the program, compiler, libraries; of the device ("cpu", "cuda" or
/// "sim") its name, its caches, for a GPU its clocks and the driver. What cannot be found out is
/// left out.
nlohmann::json environment(const std::string& device, int threads);

/// Bytes of the largest cache: of a GPU its L2, else of the processor. 0 if unknown.
size_t cache_bytes(const std::string& device);

/// Binds this thread and the others of its team of `threads` to a processor each, for as long as
/// the object lives, to one of each core before a second of any: a thread that moves finds its
/// caches cold, two of a core share its units. Does nothing if there are more threads than
/// processors.
class PinnedThreads {
  public:
    explicit PinnedThreads(int threads);
    ~PinnedThreads();
    PinnedThreads(const PinnedThreads&) = delete;
    PinnedThreads& operator=(const PinnedThreads&) = delete;

  private:
    int threads_;                  ///< that are bound
    std::vector<int> processors_;  ///< that this process may use
};

}  // namespace sg
