#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/atomic_file.h"

// The subcommands of sg_bench, one file each. Each adds itself to the app and returns what it is to
// do if it was parsed: the exit code.

namespace CLI {
class App;
}

namespace sg::tools {

struct BenchCommand {
    const CLI::App* parsed_as;
    std::function<int()> run;
};

BenchCommand add_bench_step(CLI::App& app);
BenchCommand add_bench_loader(CLI::App& app);
BenchCommand add_bench_kernels(CLI::App& app);
BenchCommand add_bench_ceilings(CLI::App& app);
BenchCommand add_bench_report(CLI::App& app);

/// The largest value of any option that counts something; keeps products far from overflow.
inline constexpr int most_counted = 1 << 20;

/// Holds the place of --json FILE, if there is one, until the measurements are there: a wrong path
/// must not cost them.
class JsonFile {
  public:
    explicit JsonFile(const std::string& path) {
        if (!path.empty()) file_ = std::make_unique<AtomicFile>(path);
    }
    void write(const std::string& text) {
        if (!file_) return;
        file_->write(text + "\n");
        file_->commit();
    }

  private:
    std::unique_ptr<AtomicFile> file_;
};

}  // namespace sg::tools
