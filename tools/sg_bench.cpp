#include <CLI/CLI.hpp>

#include "tools/bench_commands.h"
#include "tools/tool.h"

namespace {

/// The command line as it can be typed again.
std::string arguments_of(int argc, char** argv) {
    std::string text;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const bool plain = argument.find_first_of(" '\"\\$|&;()<>*?") == std::string::npos;
        text += (i > 1 ? " " : "") + (plain ? argument : "'" + argument + "'");
    }
    return text;
}

int run(int argc, char** argv) {
    using namespace sg::tools;
    CLI::App app{"Measures how fast this machine trains, and what its kernels do."};
    app.require_subcommand(0, 1);
    const BenchCommand commands[] = {add_bench_step(app),     add_bench_loader(app),
                                     add_bench_scale(app),    add_bench_kernels(app),
                                     add_bench_ceilings(app), add_bench_report(app),
                                     add_bench_compare(app)};
    if (const auto code = parse(app, argc, argv)) return *code;
    for (const BenchCommand& command : commands)
        if (command.asked_for()) return command.run(arguments_of(argc, argv));
    throw UsageError("what is to be measured? A subcommand or --compare OLD NEW is required");
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_bench", run, argc, argv);
}
