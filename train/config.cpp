#include "train/config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/ranges.h>

#include "model/fused_step.h"
#include "train/data/pack_file.h"

namespace sg {

std::vector<ConfigOption> config_options(TrainConfig& c) {
    return {
        {"Data", "data",
         "data set, KIND:PLACE[,KEY=VALUE...]; several teach one network. Kinds: synth:attributes, "
         "synth:expressions (built-in faces), celeba, folders, rafd, csv, pack. Keys: name, "
         "labels, "
         "crop, test, attr, align, partition, angles",
         &c.data},
        {"Data", "attr-path", "celeba: the attribute file; default: found beside the images",
         &c.attr_path},
        {"Data", "test-dir", "held-out images, of the same kind as --data", &c.test_dir},
        {"Data", "selected-attrs", "celeba: attributes to learn", &c.selected_attrs},
        {"Data", "image-size", "N or HEIGHTxWIDTH, in pixels", &c.image_size},
        {"Data", "crop-size",
         "centre crop before resizing; 0: none; -1: 178 for celeba, 256 for rafd, else none",
         &c.crop_size},
        {"Data", "synth-count", "faces in the built-in data set", &c.synth_count},
        {"Data", "test-count",
         "held-out images, unless the data marks its own; -1: 2000, at most a tenth",
         &c.test_count},
        {"Data", "flip", "mirror half of the images", &c.flip},
        {"Data", "balance", "draw rare labels as often as frequent ones", &c.balance},
        {"Data", "packs",
         "decoded images on disk: auto (a cache folder), off, or a folder for them", &c.packs},
        {"Data", "resident", "packed images in the GPU's memory: auto (if they fit), on or off",
         &c.resident},
        {"Data", "num-workers", "loading threads", &c.num_workers},
        {"Data", "cache-mb", "keep decoded images in memory if they fit", &c.cache_mb},
        {"Model", "g-conv-dim", "channels after G's first layer", &c.g_conv_dim},
        {"Model", "d-conv-dim", "channels after D's first layer", &c.d_conv_dim},
        {"Model", "g-repeat-num", "residual blocks in G", &c.g_repeat_num},
        {"Model", "d-repeat-num", "strided layers in D", &c.d_repeat_num},
        {"Model", "upsample",
         "G's way up: deconv (transposed convolution, the paper's) or resize (nearest, then a "
         "convolution)",
         &c.upsample},
        {"Losses", "gan", "wgan-gp, vanilla (Eq. 1) or vanilla-saturating", &c.gan},
        {"Losses", "lambda-cls", "weight of the classification loss", &c.lambda_cls},
        {"Losses", "lambda-rec", "weight of the reconstruction loss", &c.lambda_rec},
        {"Losses", "lambda-gp", "weight of the gradient penalty", &c.lambda_gp},
        {"Training", "batch-size", "images per step", &c.batch_size},
        {"Training", "num-iters", "iterations in all (one D step each)", &c.num_iters},
        {"Training", "num-iters-decay",
         "of these, the last ones with falling learning rate; -1: half", &c.num_iters_decay},
        {"Training", "g-lr", "learning rate of G", &c.g_lr},
        {"Training", "d-lr", "learning rate of D", &c.d_lr},
        {"Training", "n-critic", "D steps per G step", &c.n_critic},
        {"Training", "joint-iteration",
         "several data sets: an iteration takes a batch of all (official), or of one in turn",
         &c.joint_iteration},
        {"Training", "baseline",
         "none, or pairwise: a generator per ordered pair of classes, for comparison", &c.baseline},
        {"Training", "ema",
         "also keep an average of G's weights with this decay, e.g. 0.999; 0: no", &c.ema},
        {"Training", "beta1", "Adam", &c.beta1},
        {"Training", "beta2", "Adam", &c.beta2},
        {"Training", "lr-schedule", "paper (linear to 0) or official (hardly decays)",
         &c.lr_schedule},
        {"Training", "lr-update-step", "official schedule: iterations between changes",
         &c.lr_update_step},
        {"Training", "seed", "of every random number", &c.seed},
        {"Run", "device", "auto, cpu, cuda, cuda:NUMBER, or sim (CUDA kernels, simulated: slow)",
         &c.device},
        {"Run", "precision", "f32, tf32 (f32, convolutions rounded on a GPU) or bf16",
         &c.precision},
        {"Run", "conv", "convolutions on a GPU: auto (the fastest of all), own, or cudnn", &c.conv},
        {"Run", "step", "fused, or reference: plain automatic differentiation, to compare with",
         &c.step},
        {"Run", "graph", "on a GPU, launch an iteration's kernels at once, as a CUDA graph",
         &c.graph},
        {"Run", "side-stream", "on a GPU, weight gradients on a second stream; takes more memory",
         &c.side_stream},
        {"Run", "threads", "processor threads; 0: all", &c.threads},
        {"Run", "out", "run folder; default runs/NAMES-NUMBER", &c.out},
        {"Run", "log-step", "iterations between lines of metrics", &c.log_step},
        {"Run", "sample-step", "iterations between sample grids", &c.sample_step},
        {"Run", "model-save-step", "iterations between checkpoints", &c.model_save_step},
        {"Run", "samples", "held-out faces in a sample grid", &c.samples},
        {"Run", "keep-checkpoints", "how many checkpoints to keep", &c.keep_checkpoints},
    };
}

ImageSize parse_image_size(const std::string& text) {
    constexpr int largest = 4096;
    const auto number = [](const char* begin, const char* end) {
        int value = 0;
        const auto [next, error] = std::from_chars(begin, end, value);
        return error == std::errc() && next == end && value <= largest ? value : 0;
    };
    const char* end = text.data() + text.size();
    const size_t x = text.find('x');
    const int height = number(text.data(), x == std::string::npos ? end : text.data() + x);
    const int width = x == std::string::npos ? height : number(text.data() + x + 1, end);
    require(height > 0 && width > 0, "config",
            "image size '{}' is neither N nor HEIGHTxWIDTH (1 to {}), e.g. 128 or 96x128", text,
            largest);
    return {height, width};
}

void validate(const TrainConfig& c) {
    const auto at_least = [](const char* name, double value, double least) {
        require(value >= least, "config", "{} is {}, expected at least {}", name, value, least);
    };
    const auto one_of = [](const char* name, const std::string& value,
                           const std::vector<std::string>& known) {
        require(std::find(known.begin(), known.end(), value) != known.end(), "config",
                "{} '{}' is unknown, expected one of: {}", name, value, fmt::join(known, ", "));
    };
    data_sources(c);
    one_of("lr-schedule", c.lr_schedule, {"paper", "official"});
    one_of("precision", c.precision, {"f32", "tf32", "bf16"});
    one_of("joint-iteration", c.joint_iteration, {"all", "one"});
    one_of("baseline", c.baseline, {"none", "pairwise"});
    one_of("resident", c.resident, {"auto", "on", "off"});
    one_of("upsample", c.upsample, {"deconv", "resize"});
    require(c.ema >= 0 && c.ema < 1, "config", "ema is {}, expected a decay in [0, 1)", c.ema);
    require(!c.packs.empty(), "config", "packs is empty, expected auto, off or a folder");
    conv_policy_from_string(c.conv);
    step_kind_from_string(c.step);
    parse_image_size(c.image_size);
    gan_loss_from_string(c.gan);
    require(c.batch_size >= 2, "config",
            "batch-size is {}: targets are a permutation of the batch's labels, so one image alone "
            "could only be translated to itself; use 2 or more",
            c.batch_size);
    at_least("num-iters", c.num_iters, 1);
    require(c.num_iters_decay >= -1 && c.num_iters_decay <= c.num_iters, "config",
            "num-iters-decay is {}, expected 0 to num-iters ({}), or -1 for half of them",
            c.num_iters_decay, c.num_iters);
    for (const auto& [name, value] : {std::pair{"g-lr", c.g_lr}, {"d-lr", c.d_lr}})
        require(value > 0 && value < 1, "config", "{} is {}, expected between 0 and 1", name,
                value);
    for (const auto& [name, value] : {std::pair{"beta1", c.beta1}, {"beta2", c.beta2}})
        require(value >= 0 && value < 1, "config", "{} is {}, expected in [0, 1)", name, value);
    for (const auto& [name, value] : {std::pair{"lambda-cls", c.lambda_cls},
                                      {"lambda-rec", c.lambda_rec},
                                      {"lambda-gp", c.lambda_gp}})
        at_least(name, value, 0);
    for (const auto& [name, value] : {std::pair{"n-critic", c.n_critic},
                                      {"log-step", c.log_step},
                                      {"sample-step", c.sample_step},
                                      {"model-save-step", c.model_save_step},
                                      {"num-workers", c.num_workers},
                                      {"keep-checkpoints", c.keep_checkpoints},
                                      {"lr-update-step", c.lr_update_step},
                                      {"synth-count", c.synth_count},
                                      {"samples", c.samples}})
        at_least(name, value, 1);
    for (const auto& [name, value] :
         {std::pair{"seed", c.seed}, {"cache-mb", c.cache_mb}, {"threads", c.threads}})
        at_least(name, value, 0);
    at_least("crop-size", c.crop_size, -1);
    at_least("test-count", c.test_count, -1);
}

namespace {

/// Every kind has labels, a crop and a name of its own; the run's settings stand in for them.
DataSource complete(DataSource source, const TrainConfig& c) {
    const bool celeba = source.kind == "celeba";
    if (source.crop < 0 && (source.kind == "synth" || source.kind == "pack")) source.crop = 0;
    if (source.crop < 0) source.crop = c.crop_size;
    if (source.crop < 0) source.crop = celeba ? 178 : source.kind == "rafd" ? 256 : 0;
    if (celeba && source.attr.empty()) source.attr = c.attr_path;
    if (celeba && source.labels.empty()) source.labels = c.selected_attrs;
    if (source.test.empty()) source.test = c.test_dir;
    if (source.name.empty() && source.kind == "pack")
        source.name = PackFile(source.place).index().list.group.name;
    if (source.name.empty())
        source.name = source.kind != "synth"          ? source.kind
                      : source.place == "expressions" ? "synth-expressions"
                                                      : "synth";
    return source;
}

}  // namespace

std::vector<DataSource> data_sources(const TrainConfig& c) {
    require(!c.data.empty(), "config", "there is no data set, expected --data KIND:PLACE");
    require(c.test_dir.empty() || c.data.size() == 1, "config",
            "test-dir cannot belong to {} data sets; write test= behind the one it belongs to",
            c.data.size());
    std::vector<DataSource> sources;
    std::set<std::string> names;
    for (const std::string& text : c.data) {
        DataSource source = parse_data_source(text);
        if (source.kind.empty()) source.kind = kind_of_place(source.place);
        sources.push_back(complete(std::move(source), c));
        if (!names.insert(sources.back().name).second)
            throw Error("config", fmt::format("two data sets are called '{}'", sources.back().name),
                        "name them, e.g. --data folders:DIR,name=expressions");
    }
    return sources;
}

int effective_decay(const TrainConfig& c) {
    return c.num_iters_decay >= 0 ? c.num_iters_decay : c.num_iters / 2;
}

int64_t effective_test_count(const TrainConfig& c, int64_t size) {
    return c.test_count >= 0 ? c.test_count : std::min<int64_t>(2000, size / 10);
}

LossConfig loss_config(const TrainConfig& c) {
    return {.gan = gan_loss_from_string(c.gan),
            .lambda_cls = c.lambda_cls,
            .lambda_rec = c.lambda_rec,
            .lambda_gp = c.lambda_gp};
}

LoaderOptions loader_options(const TrainConfig& c) {
    return {.batch = c.batch_size,
            .size = parse_image_size(c.image_size),
            .seed = uint64_t(c.seed),
            .flip = c.flip,
            .balance = c.balance,
            .threads = c.num_workers,
            .prefetch = 4,
            .cache_bytes = int64_t(c.cache_mb) << 20};
}

ModelConfig model_config(const TrainConfig& c, const LabelLayout& labels) {
    const ImageSize size = parse_image_size(c.image_size);
    return {.height = size.height,
            .width = size.width,
            .g_conv_dim = c.g_conv_dim,
            .g_repeat_num = c.g_repeat_num,
            .d_conv_dim = c.d_conv_dim,
            .d_repeat_num = c.d_repeat_num,
            .upsample = upsample_from_string(c.upsample),
            .labels = labels};
}

double lr_factor(const TrainConfig& c, int64_t i) {
    const int decay = effective_decay(c);
    const int64_t first = c.num_iters - decay;
    if (i < first) return 1;
    if (c.lr_schedule == "paper") return double(c.num_iters - i) / double(decay);
    // The code changes the rate after iteration j (1-based) if j % lr_update_step == 0 and
    // j > first; iteration i (0-based) has seen j = 1 .. i.
    const int64_t changes = i / c.lr_update_step - first / c.lr_update_step;
    return 1 - double(changes) / double(std::max(1, decay));
}

}  // namespace sg
