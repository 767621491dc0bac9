#include <CLI/CLI.hpp>

#include "tools/bench_commands.h"
#include "tools/tool.h"

namespace {

int run(int argc, char** argv) {
    using namespace sg::tools;
    CLI::App app{"Measures how fast this machine trains, and what its kernels do."};
    app.require_subcommand(1);
    const BenchCommand commands[] = {add_bench_step(app), add_bench_loader(app),
                                     add_bench_kernels(app), add_bench_ceilings(app),
                                     add_bench_report(app)};
    if (const auto code = parse(app, argc, argv)) return *code;
    for (const BenchCommand& command : commands)
        if (command.parsed_as->parsed()) return command.run();
    return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_bench", run, argc, argv);
}
