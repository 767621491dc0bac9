#include <CLI/CLI.hpp>

#include "tools/pack_commands.h"
#include "tools/tool.h"
#include "train/config.h"
#include "train/data/pack_file.h"
#include "train/export_synth.h"
#include "train/open_dataset.h"

namespace {

struct SynthOptions {
    sg::ExportSynthRequest request;
    std::string format = "celeba", group, size = "128";
};

void add_synth(CLI::App& app, SynthOptions& o) {
    app.add_option("--out", o.request.out, "new folder")->required();
    app.add_option("--format", o.format, "celeba (attribute file) or folders (one per class)")
        ->check(CLI::IsMember({"celeba", "folders"}))
        ->capture_default_str();
    app.add_option("--group", o.group, "attributes or expressions; default: what the format needs")
        ->check(CLI::IsMember({"attributes", "expressions"}));
    app.add_option("--count", o.request.count, "faces")->capture_default_str();
    app.add_option("--image-size", o.size, "N or HEIGHTxWIDTH")->capture_default_str();
    app.add_option("--seed", o.request.seed, "other seeds, other people")->capture_default_str();
    app.add_option("--test-share", o.request.test_share, "folders: share under test/")
        ->capture_default_str();
}

int export_synth(SynthOptions& o) {
    const bool folders = o.format == "folders";
    const bool expressions = o.group.empty() ? folders : o.group == "expressions";
    o.request.group = expressions ? sg::SynthGroup::expressions : sg::SynthGroup::attributes;
    o.request.size = sg::parse_image_size(o.size);
    folders ? sg::export_folders(o.request) : sg::export_celeba(o.request);
    fmt::print("wrote {} faces to {}\ntrain on them: sg_train --data {}:{} {}\n", o.request.count,
               o.request.out.string(), o.format, o.request.out.string(),
               folders ? ""
               : expressions
                   ? "--crop-size 0 --selected-attrs happy sad surprised"
                   : "--crop-size 0 --selected-attrs Black_Hair Blond_Hair Brown_Hair Eyeglasses "
                     "Pale_Skin");
    return sg::tools::exit_success;
}

struct ValidateOptions {
    std::string source, attr;
    std::vector<std::string> labels;
    int crop = -1;
};

/// The one data set of a configuration, as sg_train would open it.
int validate(const ValidateOptions& options) {
    sg::TrainConfig config;
    config.data = {options.source};
    config.attr_path = options.attr;
    config.selected_attrs = options.labels;
    config.crop_size = options.crop;
    const sg::DataSource source = sg::data_sources(config).front();
    const auto data = sg::open_dataset(source, {.verify_all = true});
    fmt::print("{}", sg::to_string(data->summary(), data->label_group(), true));
    // Opening a pack looks at no image, unlike opening files.
    if (source.kind == "pack") sg::tools::require_whole(sg::PackFile(source.place), 0);
    const auto split = sg::make_split(*data, sg::effective_test_count(config, data->listed()), 1);
    sg::require_trainable(*data, split, 2);
    fmt::print("this data can be trained on\n");
    return sg::tools::exit_success;
}

int run(int argc, char** argv) {
    SynthOptions synth;
    ValidateOptions detect;
    CLI::App app{"Looks at data sets, packs them, and writes the built-in faces as files."};
    app.require_subcommand(1);
    auto* synth_command = app.add_subcommand("synth", "write built-in faces as files");
    add_synth(*synth_command, synth);
    auto* validate_command =
        app.add_subcommand("validate", "decode everything and say what was found");
    validate_command
        ->add_option("path", detect.source,
                     "data set: KIND:PLACE[,KEY=VALUE...] as for sg_train, or a place")
        ->required();
    validate_command->add_option("--attr-path", detect.attr, "attribute file");
    validate_command->add_option("--selected-attrs", detect.labels, "default: all");
    validate_command->add_option("--crop-size", detect.crop, "centre crop; default: as sg_train");
    sg::tools::PackCommands packs(app);
    if (const auto code = sg::tools::parse(app, argc, argv)) return *code;
    if (const auto code = packs.run()) return *code;
    return synth_command->parsed() ? export_synth(synth) : validate(detect);
}

}  // namespace

int main(int argc, char** argv) {
    return sg::tools::guarded("sg_data", run, argc, argv);
}
