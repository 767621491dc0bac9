#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "tools/tool.h"
#include "train/eval/evaluate.h"

namespace {

/// What is being done and how far, on stderr: on a terminal one line that changes, else a line when
/// something begins.
class Display {
  public:
    explicit Display(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}
    ~Display() { finish(); }

    void message(const std::string& line) {
        finish();
        fmt::print(stderr, "{}{}", line, line.ends_with('\n') ? "" : "\n");
    }
    void progress(const std::string& stage, int64_t done, int64_t total) {
        if (quiet_) return;
        const bool begins = stage != stage_;
        stage_ = stage;
        if (!terminal_) {
            if (begins) fmt::print(stderr, "{} ...\n", stage);
            return;
        }
        const auto now = Clock::now();
        if (!begins && done < total && now - last_ < std::chrono::milliseconds(200)) return;
        if (begins) finish();
        last_ = now;
        std::string line = fmt::format("{}: {} of {}", stage, done, total);
        winsize size{};
        const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
        line.resize(std::min(line.size(), size_t(known ? size.ws_col : 80) - 1));
        fmt::print(stderr, "\r{}\033[K", line);
        open_ = true;
    }
    void finish() {
        if (open_) fmt::print(stderr, "\n");
        open_ = false;
    }

  private:
    using Clock = std::chrono::steady_clock;
    bool quiet_, terminal_, open_ = false;
    std::string stage_;
    Clock::time_point last_{};
};

int run(int argc, char** argv) {
    sg::EvalRequest request;
    sg::tools::DeviceOptions device_options;
    std::string precision = "f32";
    bool quiet = false;
    CLI::App app{
        "Measures a trained generator on held-out images: how near translations come to the truth "
        "(built-in faces), what a classifier trained on real images sees in them, reconstruction, "
        "identity, Fréchet distance, and whether different labels make different pictures."};
    app.add_option("--checkpoint", request.checkpoint,
                   "checkpoint file, or a run folder: then eval.json and eval.html are written "
                   "into it by default")
        ->required();
    app.add_option("--data", request.data,
                   "data sets in place of those trained on, as for sg_train: one per label group");
    app.add_option("--count", request.count, "held-out images per data set; 0: all")
        ->capture_default_str();
    app.add_option("--json", request.json, "the report as JSON");
    app.add_option("--html", request.html, "the report as one page");
    app.add_option("--classifier-iterations", request.classifier.iterations,
                   "training of the classifier that judges")
        ->capture_default_str();
    app.add_option("--classifier-precision", precision, "f32, tf32 or bf16")->capture_default_str();
    app.add_flag("--quiet", quiet, "no progress, only the result");
    sg::tools::add_device_options(app, device_options);
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;
    if (request.count < 0) throw sg::tools::UsageError("--count is the number of images, or 0");
    if (request.classifier.iterations < 1)
        throw sg::tools::UsageError("--classifier-iterations needs a positive number");
    if (precision == "f64") throw sg::tools::UsageError("--classifier-precision f64 is for checks");
    request.classifier.precision = sg::precision_from_string(precision);
    if (std::filesystem::is_directory(request.checkpoint)) {
        if (request.json.empty()) request.json = request.checkpoint / "eval.json";
        if (request.html.empty()) request.html = request.checkpoint / "eval.html";
    }

    Display display(quiet);
    const auto device = sg::tools::open_device(device_options, [&](const std::string& line) {
                            display.message(line);
                        }).device;
    const sg::EvalReport report =
        sg::evaluate(*device, request,
                     {.message = [&](const std::string& line) { display.message(line); },
                      .progress = [&](const std::string& stage, int64_t done,
                                      int64_t total) { display.progress(stage, done, total); }});
    display.finish();
    fmt::print("{}", sg::to_table(report));
    for (const auto& path : {request.json, request.html})
        if (!path.empty()) fmt::print("written: {}\n", path.string());
    return sg::tools::exit_success;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_eval", run, argc, argv);
}
