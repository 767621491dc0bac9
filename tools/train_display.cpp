#include "tools/train_display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace sg::tools {

namespace {

std::string clock_text(double seconds) {
    const auto s = int64_t(seconds);
    return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

size_t terminal_width() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

TrainDisplay::TrainDisplay(const TrainConfig& config, bool quiet)
    : total_(config.num_iters), terminal_(isatty(STDOUT_FILENO) == 1), quiet_(quiet) {}

TrainObserver TrainDisplay::observer() {
    return {.message = [this](const std::string& text) { message(text); },
            .metrics = [this](const Metrics& m) { metrics(m); },
            .progress = [this](int64_t i, const Metrics& m) { progress(i, m); }};
}

void TrainDisplay::message(const std::string& text) {
    const bool trouble = text.starts_with("warning") || text.starts_with("skipped");
    if (quiet_ && !trouble) return;
    finish();
    fmt::print(quiet_ ? stderr : stdout, "{}", text);
    std::fflush(stdout);
}

void TrainDisplay::finish() {
    if (line_open_) fmt::print("\n");
    line_open_ = false;
    std::fflush(stdout);
}

std::string TrainDisplay::rate(int64_t iteration) {
    const auto now = Clock::now();
    if (window_iteration_ < 0) {
        window_start_ = now;
        window_iteration_ = iteration;
        return "";
    }
    const double seconds = std::chrono::duration<double>(now - window_start_).count();
    if (iteration == window_iteration_ || seconds <= 0) return "";
    per_second_ = double(iteration - window_iteration_) / seconds;
    if (seconds > 60) window_start_ = now, window_iteration_ = iteration;
    return fmt::format("{:.1f} it/s, {} left", per_second_,
                       clock_text(double(total_ - iteration) / per_second_));
}

void TrainDisplay::metrics(const Metrics& m) {
    if (quiet_ || terminal_) return;
    fmt::print("[{}/{}] {}  {}\n", m.iteration, total_, to_readable(m), rate(m.iteration));
    std::fflush(stdout);
}

void TrainDisplay::progress(int64_t iteration, const Metrics& m) {
    if (quiet_ || !terminal_) return;
    const auto now = Clock::now();
    if (now - last_draw_ < std::chrono::milliseconds(200) && iteration < total_) return;
    last_draw_ = now;
    constexpr int bar = 20;
    const int filled = int(bar * iteration / std::max<int64_t>(total_, 1));
    std::string line =
        fmt::format("[{}{}] {}/{} {}  {}", std::string(filled, '#'), std::string(bar - filled, '.'),
                    iteration, total_, rate(iteration), to_readable(m));
    line.resize(std::min(line.size(), terminal_width() - 1));
    fmt::print("\r{}\033[K", line);
    line_open_ = true;
    std::fflush(stdout);
}

}  // namespace sg::tools
