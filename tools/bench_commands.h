#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/atomic_file.h"

// The subcommands of sg_bench, one file each. Each adds itself to the app and returns how to tell
// whether it was asked for, and what it is to do then: given the whole command line, for its
// report, it returns the exit code.

namespace CLI {
class App;
}

namespace sg::tools {

struct BenchCommand {
    std::function<bool()> asked_for;
    std::function<int(const std::string& arguments)> run;
};

BenchCommand add_bench_step(CLI::App& app);
BenchCommand add_bench_loader(CLI::App& app);
BenchCommand add_bench_kernels(CLI::App& app);
BenchCommand add_bench_scale(CLI::App& app);
BenchCommand add_bench_ceilings(CLI::App& app);
BenchCommand add_bench_report(CLI::App& app);
BenchCommand add_bench_compare(CLI::App& app);

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
