#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/config.h"

namespace CLI {
class App;
}

namespace sg {
class PackFile;
}

namespace sg::tools {

/// Reads all images, prints the names of the damaged ones and throws Error if there are any.
/// Threads: 0 = one per core.
void require_whole(const PackFile& pack, int threads);

/// `sg_data pack` and `sg_data verify`.
class PackCommands {
  public:
    /// Adds both to `app`, which they must not outlive.
    explicit PackCommands(CLI::App& app);
    PackCommands(const PackCommands&) = delete;
    PackCommands& operator=(const PackCommands&) = delete;

    /// The exit code of whichever was given; nothing if none was.
    std::optional<int> run();

  private:
    int pack();
    int verify() const;

    CLI::App *pack_, *verify_;
    TrainConfig config_;
    std::string source_, out_, file_;
    int threads_ = 0;
};

}  // namespace sg::tools
