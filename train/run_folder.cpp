#include "train/run_folder.h"

#include <chrono>

#include "engine/atomic_file.h"

namespace sg {

namespace fs = std::filesystem;

void require_usable_folder(const fs::path& run, bool resume) {
    if (!resume) require_no_run(run);
    if (is_pairwise_run(run))
        throw Error(
            "resume",
            fmt::format("{} holds pairwise training: a run per pair of classes", run.string()),
            "leave --baseline as it was");
}

void prepare_run_folder(const fs::path& run, const TrainConfig& config, const TrainingData& data) {
    fs::create_directories(run / "samples");
    fs::create_directories(run / "checkpoints");
    for (const auto& entry : fs::directory_iterator(run / "checkpoints"))
        if (entry.path().extension() == ".tmp") fs::remove(entry.path());
    write_file_atomically(run / "config.toml", to_toml(config));
    write_file_atomically(run / "data.txt",
                          data.report() + "\nheld-out items:\n" + data.held_out_items());
    std::string columns = "0 input\n";
    int number = 0;
    for (const auto& column : target_columns(data.layout())) {
        const std::string group =
            data.sets() > 1 ? data.layout().groups[column.group].name + "." : "";
        columns += fmt::format("{} {}{}\n", ++number, group, column.name);
    }
    write_file_atomically(run / "samples" / "columns.txt", columns);
}

SampleGrid make_sample_grid(Device& device, const TrainingData& data, ImageSize size, int count,
                            const std::function<void(const std::string&)>& say) {
    SampleGrid grid(data.layout(), size);
    for (int k = 0; k < data.sets(); ++k)
        grid.add(device, data.dataset(k),
                 decodable_items(data.dataset(k), data.split(k).test, size, count, say), k);
    return grid;
}

std::vector<int64_t> decodable_items(const Dataset& data, const std::vector<int64_t>& items,
                                     ImageSize size, int count,
                                     const std::function<void(const std::string&)>& say) {
    std::vector<int64_t> good;
    std::vector<uint8_t> pixels(size_t(size.height) * size.width * 3);
    for (const int64_t item : items) {
        if (int(good.size()) == count) break;
        try {
            data.read_image(item, size, pixels);
            good.push_back(item);
        } catch (const Error& error) {
            say(fmt::format("skipped a held-out image: {}\n", error.what()));
        }
    }
    return good;
}

namespace {

void require_same_held_out(const fs::path& run, const TrainingData& data,
                           const CheckpointInfo& info) {
    const std::vector<std::string> now = data.held_out_hashes();
    for (size_t k = 0; k < std::min(now.size(), info.held_out.size()); ++k) {
        if (now[k] == info.held_out[k]) continue;
        throw Error("resume",
                    fmt::format("{}: other images are held out now than in this run so far",
                                data.dataset(int(k)).summary().source),
                    fmt::format("{} lists those of the run; restore the files and --test-count, or "
                                "begin a new run",
                                (run / "data.txt").string()));
    }
}

}  // namespace

Resumed resume_run(const fs::path& run, const TrainConfig& config, const TrainingData& data,
                   StarGan& model, const std::function<void(const std::string&)>& say) {
    std::vector<DamagedCheckpoint> damaged;
    const auto path = latest_checkpoint(run, &damaged);
    for (const auto& one : damaged) say("skipped a damaged checkpoint: " + one.reason + "\n");
    require(path.has_value(), "resume", "{} has no readable checkpoint in checkpoints/",
            run.string());
    Resumed resumed{.checkpoint = *path, .info = read_checkpoint_info(*path)};
    load_checkpoint(*path, model, LoadMoments::yes);
    require_same_held_out(run, data, resumed.info);
    for (const auto& one : damaged) fs::rename(one.path, one.path.string() + ".damaged");
    const std::string changes = describe_changes(resumed.info.settings, to_json(config));
    if (!changes.empty()) say("note: settings changed since the checkpoint: " + changes + "\n");
    say(fmt::format("resuming from {} at iteration {}\n", path->string(), resumed.info.iteration));
    return resumed;
}

double seconds_per_iteration(const StarGan& model, const LossConfig& loss,
                             const TrainingBatch& batch, StepKind kind, int n_critic) {
    using Clock = std::chrono::steady_clock;
    const auto seconds = [&](bool g_turn) {
        const auto begin = Clock::now();
        training_turn(model, loss, batch, kind, g_turn, [](const auto& step) {
            step.loss_cls.item();  // waits for the device
        });
        return std::chrono::duration<double>(Clock::now() - begin).count();
    };
    double d_turn = 0, both = 0;
    for (int pass = 0; pass < 2; ++pass) {
        d_turn = seconds(false);
        both = seconds(true);
        if (d_turn + both > 20) break;  // the first pass was long enough to judge by
    }
    return (d_turn * (n_critic - 1) + both) / n_critic;
}

std::vector<TruthError> write_truth(const fs::path& run, Device& device, const Generator& G,
                                    const TrainingData& data, ImageSize size) {
    constexpr size_t faces = 256;
    std::vector<TruthError> all;
    for (int k = 0; k < data.sets(); ++k) {
        const auto* synth = dynamic_cast<const SynthDataset*>(&data.dataset(k));
        const std::span<const int64_t> held_out = data.split(k).test;
        if (!synth || held_out.empty()) continue;
        const auto errors =
            measure_truth_error(device, G, *synth, held_out.first(std::min(faces, held_out.size())),
                                size, data.layout(), k);
        all.insert(all.end(), errors.begin(), errors.end());
    }
    if (!all.empty()) write_file_atomically(run / "truth.txt", to_table(all));
    return all;
}

CheckpointInfo checkpoint_info(const TrainConfig& config, const TrainingData& data,
                               const StarGan& model, int64_t iteration,
                               const std::vector<std::optional<GeneratorMetrics>>& last_g) {
    std::vector<int> crops;
    for (const DataSource& source : data_sources(config)) crops.push_back(source.crop);
    return {.model = model.config,
            .iteration = iteration,
            .g_updates = model.g_updates,
            .d_updates = model.d_updates,
            .seed = uint64_t(config.seed),
            .settings = to_json(config),
            .crop_sizes = crops,
            .held_out = data.held_out_hashes(),
            .last_g = last_g};
}

std::string parameter_report(const StarGan& model) {
    const auto millions = [](const Parameters& parameters) {
        int64_t count = 0;
        for (const auto& entry : parameters.entries()) count += element_count(entry.shape);
        return double(count) / 1e6;
    };
    return fmt::format("parameters: G {:.2f} M, D {:.2f} M\n", millions(model.G.parameters()),
                       millions(model.D.parameters()));
}

std::string time_report(double seconds, int64_t iterations, size_t tensor_bytes) {
    const auto s = int64_t(seconds * double(iterations) + 0.5);
    const std::string in_all = s >= 3600 ? fmt::format("{} h {:02} min", s / 3600, s / 60 % 60)
                               : s >= 60 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                                         : fmt::format("{} s", s);
    return fmt::format("{:.1f} ms an iteration, about {} for {} iterations; tensors take {} MiB\n",
                       1e3 * seconds, in_all, iterations, tensor_bytes >> 20);
}

}  // namespace sg
