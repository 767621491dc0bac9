#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/tool.h"
#include "train/translate.h"

namespace {

int run(int argc, char** argv) {
    sg::TranslateRequest request;
    sg::tools::DeviceOptions device_options;
    CLI::App app{
        "Translates photos with a trained generator. A photo of any size is cropped to its largest "
        "centred rectangle of the training aspect ratio (a smaller one with --crop) and resized to "
        "the training size: a face that fills the crop as the training faces did works best."};
    app.add_option("--checkpoint", request.checkpoint, "checkpoint file, or a run folder")
        ->required();
    app.add_option("--input", request.inputs, "images or folders of images")->required();
    app.add_option("--out", request.out, "folder for the results")->required();
    app.add_option(
           "--set", request.set,
           "a target, e.g. Blond_Hair=1,Eyeglasses=0 or Blond_Hair=0.5; repeat for several. "
           "Labels that are not named stay as in the input. Without --set: each label in "
           "turn")
        ->allow_extra_args(false);
    app.add_option("--from", request.from,
                   "labels of the input, e.g. Black_Hair=1,Young=1; those not named are predicted");
    app.add_flag("--all", request.all, "one picture per input: itself and all targets");
    app.add_option("--strip", request.strip,
                   "one picture per input: in so many steps from its own labels to the target, and "
                   "on to each next target")
        ->check(CLI::Range(1, 100));
    app.add_option("--crop", request.crop, "centre crop in pixels first; 0: none")
        ->capture_default_str();
    sg::tools::add_device_options(app, device_options);
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;

    const auto device = sg::tools::open_device(device_options, sg::tools::to_stderr).device;
    const auto results = sg::translate_files(*device, request, [](const std::string& reason) {
        fmt::print(stderr, "sg_translate: skipped: {}\n", reason);
    });
    for (const auto& one : results)
        fmt::print("{} ({}) -> {} ({})\n", one.input.string(), one.source, one.output.string(),
                   one.target);
    return sg::tools::exit_success;
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_translate", run, argc, argv);
}
