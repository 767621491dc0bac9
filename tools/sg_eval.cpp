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

struct CommandLine {
    sg::EvalRequest request;
    sg::tools::DeviceOptions device;
    std::string precision = "f32";
    bool quiet = false;
};

void add_options(CLI::App& app, CommandLine& line) {
    sg::EvalRequest& request = line.request;
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
    app.add_option("--classifier-precision", line.precision, "f32, tf32 or bf16")
        ->capture_default_str();
    app.add_flag("--quiet", line.quiet, "no progress, only the result");
    sg::tools::add_device_options(app, line.device);
}

/// Checks what CLI11 cannot, and fills in what depends on other options.
void complete(CommandLine& line) {
    sg::EvalRequest& request = line.request;
    request.cache = sg::tools::pack_folder();
    if (request.count < 0) throw sg::tools::UsageError("--count is the number of images, or 0");
    if (request.classifier.iterations < 1)
        throw sg::tools::UsageError("--classifier-iterations needs a positive number");
    if (line.precision == "f64")
        throw sg::tools::UsageError("--classifier-precision f64 is for checks");
    request.classifier.precision = sg::precision_from_string(line.precision);
    if (std::filesystem::is_directory(request.checkpoint)) {
        if (request.json.empty()) request.json = request.checkpoint / "eval.json";
        if (request.html.empty()) request.html = request.checkpoint / "eval.html";
    }
}

int run(int argc, char** argv) {
    CommandLine line;
    CLI::App app{
        "Measures a trained generator on held-out images: how near translations come to the truth "
        "(built-in faces), what a classifier trained on real images sees in them, reconstruction, "
        "identity, Fréchet distance, and whether different labels make different pictures."};
    add_options(app, line);
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;
    complete(line);

    Display display(line.quiet);
    const auto say = [&](const std::string& text) { display.message(text); };
    const auto device = sg::tools::open_device(line.device, say).device;
    const sg::EvalReport report = sg::evaluate(
        *device, line.request,
        {.message = say, .progress = [&](const std::string& stage, int64_t done, int64_t total) {
             display.progress(stage, done, total);
         }});
    display.finish();
    fmt::print("{}", sg::to_table(report));
    for (const auto& path : {line.request.json, line.request.html})
        if (!path.empty()) fmt::print("written: {}\n", path.string());
    return sg::tools::exit_success;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_eval", run, argc, argv);
}
