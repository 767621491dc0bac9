#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/losses.h"
#include "train/data/loader.h"
#include "train/data/source.h"

namespace sg {

/// Everything a training run depends on. Defaults are the paper's (sections 5.3, 7), as in the
/// official code. Built-in defaults < configuration file < command line.
struct TrainConfig {
    // data
    std::vector<std::string> data = {"synth"};  ///< data sets (data/source.h), at least one
    std::string attr_path;                      ///< celeba's attribute file
    std::string test_dir;                       ///< held-out images, of the only data set
    std::vector<std::string> selected_attrs = {"Black_Hair", "Blond_Hair", "Brown_Hair", "Male",
                                               "Young"};
    std::string image_size = "128";  ///< "128" or HEIGHTxWIDTH
    int crop_size = -1;              ///< centre crop before the resize; 0: none, -1: celeba 178
    int synth_count = 20000;         ///< faces in the built-in data set
    int test_count = -1;             ///< held-out images, if the data marks none itself; -1: 2000,
                                     ///< but at most a tenth
    bool flip = true;
    bool balance = false;  ///< draw rare labels as often as frequent ones
    std::string packs =
        "auto";  ///< decoded images on disk: auto (a cache folder), off, or a folder
    std::string resident =
        "auto";           ///< packed images in a GPU's memory: auto (if they fit), on, off
    int num_workers = 2;  ///< loading threads
    int cache_mb = 1024;  ///< decoded images kept in memory, if all fit
    // model
    int g_conv_dim = 64, d_conv_dim = 64, g_repeat_num = 6, d_repeat_num = 6;
    std::string upsample = "deconv";  ///< G's way up: deconv (transposed convolution) or resize
    // losses
    std::string gan = "wgan-gp";
    double lambda_cls = 1, lambda_rec = 10, lambda_gp = 10;
    // training
    int batch_size = 16;
    int num_iters = 200000;
    int num_iters_decay = -1;  ///< -1: half of num_iters
    double g_lr = 1e-4, d_lr = 1e-4, beta1 = 0.5, beta2 = 0.999;
    int n_critic = 5;
    std::string joint_iteration = "all";  ///< several data sets: a batch of all, or of one in turn
    std::string baseline = "none";        ///< pairwise: one generator per ordered pair of classes
    double ema = 0;                       ///< decay of the average of G's weights; 0: none
    std::string lr_schedule = "paper";    ///< paper: linear to 0; official: hardly decays
    int lr_update_step = 1000;            ///< official schedule only
    int seed = 1;
    // run
    std::string device = "auto", precision = "f32", conv = "auto";
    std::string step = "fused";  ///< fused, or reference: plain differentiation, to compare
    bool graph = true;           ///< on a GPU, launch each iteration as a CUDA graph
    bool side_stream = false;    ///< on a GPU, weight gradients beside the rest
    int threads = 0;
    std::string out;  ///< run folder; "": runs/NAMES-NUMBER
    int log_step = 10, sample_step = 1000, model_save_step = 10000;
    int samples = 8;  ///< held-out faces in a sample grid
    int keep_checkpoints = 3;
};

/// One setting: its name (with dashes; configuration files may use underscores), where --help
/// shows it, and where its value is.
struct ConfigOption {
    using Target = std::variant<int*, double*, bool*, std::string*, std::vector<std::string>*>;
    const char* group;
    std::string name;
    const char* help;
    Target target;
    std::vector<std::string> aliases = {};  ///< official spellings under another name
};
std::vector<ConfigOption> config_options(TrainConfig& config);

/// The data sets of a run: `data` with the defaults filled in that the other settings and the kinds
/// give. Throws Error if two have one name, or a setting fits none of them.
std::vector<DataSource> data_sources(const TrainConfig& config);

/// Overwrites what the TOML file sets. Throws Error naming file, key and the expected type; an
/// unknown key is an Error too.
void apply_toml_file(TrainConfig& config, const std::string& path);
/// The whole configuration as TOML that apply_toml_file reads back exactly.
std::string to_toml(const TrainConfig& config);
/// The same as JSON, without what does not influence the result (device folders, threads, logging):
/// stored in checkpoints, compared on resume.
std::string to_json(const TrainConfig& config);
/// The configuration that to_json described; what it leaves out is as built in. Throws Error for
/// text that is no such description.
TrainConfig config_from_json(const std::string& text);
/// "g_lr: 0.0001 -> 0.0002, ..." for two results of to_json; empty if they say the same.
std::string describe_changes(const std::string& before, const std::string& after);
bool is_utf8(const std::string& text);

/// The number of iterations with falling learning rate.
int effective_decay(const TrainConfig& config);
/// The number of held-out images for a data set of `size` listed files.
int64_t effective_test_count(const TrainConfig& config, int64_t size);

/// Throws Error naming the first setting that makes no sense.
void validate(const TrainConfig& config);

ImageSize parse_image_size(const std::string& text);
LossConfig loss_config(const TrainConfig& config);
LoaderOptions loader_options(const TrainConfig& config);
ModelConfig model_config(const TrainConfig& config, const LabelLayout& labels);

/// Learning-rate factor of iteration `i` (0-based): 1 while i < num_iters - num_iters_decay, then
/// - paper: linear, 1/num_iters_decay at the last iteration;
/// - official: every lr_update_step iterations the code subtracts lr/num_iters_decay, so the rate
///   ends at 1 - 1/lr_update_step of its start. Kept to reproduce its results.
double lr_factor(const TrainConfig& config, int64_t iteration);

}  // namespace sg
