#include "tools/pack_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "tools/tool.h"
#include "train/data/pack_file.h"
#include "train/make_pack.h"

namespace sg::tools {

namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> stop_requested = false;

void on_signal(int) {
    // A second signal ends the program at once: the next build removes what is left.
    if (stop_requested.exchange(true)) std::_Exit(130);
}

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A bar on a terminal, nothing elsewhere.
class Bar {
  public:
    explicit Bar(Clock::time_point start) : start_(start) {}
    ~Bar() {
        if (drawn_ != Clock::time_point{}) fmt::print("\r\033[K");
        std::fflush(stdout);
    }

    void draw(int64_t done, int64_t total) {
        if (!terminal_ || total == 0) return;
        const auto now = Clock::now();
        if (now - drawn_ < std::chrono::milliseconds(200)) return;
        drawn_ = now;
        constexpr int width = 20;
        const int filled = int(width * done / total);
        fmt::print("\r[{}{}] {}/{} {:.0f} images/s\033[K", std::string(filled, '#'),
                   std::string(width - filled, '.'), done, total,
                   double(done) / seconds_since(start_));
        std::fflush(stdout);
    }

  private:
    const bool terminal_ = isatty(STDOUT_FILENO) == 1;
    const Clock::time_point start_;
    Clock::time_point drawn_{};
};

void print_contents(const PackIndex& index) {
    fmt::print("{}", to_string(index.list.summary, index.list.group));
    fmt::print("{:<28} {}\n{:<28} {}x{} pixels (height x width), crop {}\n", "packed from",
               index.source, "packed as", index.size.height, index.size.width,
               index.list.crop > 0 ? std::to_string(index.list.crop) : "none");
}

}  // namespace

void require_whole(const PackFile& pack, int threads) {
    const auto& names = pack.index().list.names;
    const auto damaged = pack.damaged(threads);
    for (const size_t image : damaged) fmt::print("damaged: image {} ({})\n", image, names[image]);
    require(damaged.empty(), "pack", "{}: {} of {} images are damaged", pack.path().string(),
            damaged.size(), names.size());
}

PackCommands::PackCommands(CLI::App& app)
    : pack_(app.add_subcommand("pack", "decode a data set once, into one file to train on")),
      verify_(app.add_subcommand("verify", "check every image of a pack and say what it holds")) {
    config_.selected_attrs.clear();
    pack_
        ->add_option("data", source_,
                     "data set: KIND:PLACE[,KEY=VALUE...] as for sg_train, or a place")
        ->required();
    pack_->add_option("--image-size", config_.image_size, "N or HEIGHTxWIDTH")->required();
    pack_->add_option("--out", out_, "new file, .sgpack")->required();
    pack_->add_option("--attr-path", config_.attr_path, "attribute file");
    pack_->add_option("--selected-attrs", config_.selected_attrs, "default: all");
    pack_->add_option("--crop-size", config_.crop_size, "centre crop; default: as sg_train");
    pack_->add_option("--synth-count", config_.synth_count, "built-in faces")
        ->capture_default_str();
    pack_->add_option("--seed", config_.seed, "of built-in faces")->capture_default_str();
    pack_->add_option("--threads", threads_, "0: one per processor")->capture_default_str();
    verify_->add_option("file", file_, "pack")->required();
    verify_->add_option("--threads", threads_, "0: one per processor")->capture_default_str();
}

std::optional<int> PackCommands::run() {
    if (pack_->parsed()) return pack();
    if (verify_->parsed()) return verify();
    return std::nullopt;
}

int PackCommands::pack() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    config_.data = {source_};
    const auto start = Clock::now();
    MakePackRequest request{.source = data_sources(config_).front(),
                            .out = out_,
                            .open = {.size = parse_image_size(config_.image_size),
                                     .synth_count = config_.synth_count,
                                     .seed = uint64_t(config_.seed),
                                     .threads = threads_,
                                     .stop = &stop_requested}};
    PackIndex index;
    {
        Bar bar(start);
        request.progress = [&](int64_t done, int64_t total) { bar.draw(done, total); };
        index = make_pack(request);
    }
    const double seconds = seconds_since(start);
    const size_t images = index.list.names.size();
    print_contents(index);
    fmt::print(
        "{}: {} images, {} bytes, {:.0f} images/s\ntrain on them: sg_train --data pack:{} "
        "--image-size {}\n",
        out_, images, std::filesystem::file_size(out_), double(images) / seconds, out_,
        config_.image_size);
    return exit_success;
}

int PackCommands::verify() const {
    const PackFile pack(file_);
    print_contents(pack.index());
    require_whole(pack, threads_);
    fmt::print("{}: {} images, {} bytes, all as they were packed\n", file_,
               pack.index().list.names.size(), pack.bytes());
    return exit_success;
}

}  // namespace sg::tools
