#include "train/trainer.h"

#include <chrono>

#include "engine/atomic_file.h"
#include "engine/processor.h"
#include "train/open_dataset.h"
#include "train/run_folder.h"

namespace sg {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// One run in progress.
class Run {
  public:
    Run(Device& device, const TrainRequest& request, const TrainObserver& observer)
        : device_(device),
          request_(request),
          config_(request.config),
          observer_(observer),
          size_(parse_image_size(config_.image_size)),
          data_(open_dataset(config_)),
          split_(make_split(*data_, effective_test_count(config_, data_->size()),
                            uint64_t(config_.seed))),
          loss_(loss_config(config_)) {
        say(data_report(*data_, split_));
        require_trainable(*data_, split_, config_.batch_size);
        for (const std::string& name : data_->label_group().names)
            require(is_utf8(name), "data set", "label '{}' is not valid UTF-8: rename it", name);
        layout_.groups = {data_->label_group()};
        model_.emplace(device, model_config(config_, layout_),
                       precision_from_string(config_.precision));
        if (config_.precision == "bf16" && device.is_cpu())
            require(cpu_bf16_support() != Bf16Support::none, "precision",
                    "this processor ({}) cannot convolve in bf16; use f32", cpu_isa_name());
    }

    TrainResult run() {
        start();  // before anything is written: a refused resume changes nothing
        lock_.emplace(request_.run);
        prepare_folder();
        metrics_file_.emplace(request_.run, iteration_);
        Loader loader(*data_, split_.train,
                      {.batch = config_.batch_size,
                       .size = size_,
                       .seed = uint64_t(config_.seed),
                       .flip = config_.flip,
                       .threads = config_.num_workers,
                       .prefetch = 4,
                       .cache_bytes = int64_t(config_.cache_mb) << 20},
                      iteration_);
        const int64_t end =
            request_.stop_after > 0
                ? std::min<int64_t>(config_.num_iters, iteration_ + request_.stop_after)
                : config_.num_iters;
        bool timed = false;
        while (iteration_ < end && !stopping()) {
            const TrainingBatch batch = make_training_batch(device_, loader.next(), size_, layout_,
                                                            0, uint64_t(config_.seed));
            if (!std::exchange(timed, true)) report_time(batch, end);
            step(batch);
            report_skipped(loader);
            after_step(end);
        }
        return finish();
    }

  private:
    void say(const std::string& text) const {
        if (observer_.message) observer_.message(text);
    }
    bool stopping() const { return request_.stop && request_.stop->load(); }

    void prepare_folder() {
        prepare_run_folder(request_.run, config_, *data_, split_);
        const auto items = decodable_items(*data_, split_.test, size_, config_.samples,
                                           [this](const std::string& line) { say(line); });
        if (!items.empty()) grid_.emplace(device_, *data_, items, size_, layout_, 0);
    }

    void start() {
        if (!request_.resume) {
            require(!holds_a_run(request_.run), "train",
                    "{} already holds a run; continue it with --resume {} or choose another --out",
                    request_.run.string(), request_.run.string());
            initialise(*model_, uint64_t(config_.seed));
            say(fmt::format("parameters: G {:.2f} M, D {:.2f} M\n",
                            double(parameter_count(model_->G.parameters())) / 1e6,
                            double(parameter_count(model_->D.parameters())) / 1e6));
            return;
        }
        std::vector<DamagedCheckpoint> damaged;
        const auto path = latest_checkpoint(request_.run, &damaged);
        for (const auto& one : damaged) say("skipped a damaged checkpoint: " + one.reason + "\n");
        require(path.has_value(), "resume", "{} has no readable checkpoint in checkpoints/",
                request_.run.string());
        const CheckpointInfo info = read_checkpoint_info(*path);
        load_checkpoint(*path, *model_, LoadMoments::yes);
        iteration_ = info.iteration;
        metrics_.g = info.last_g;
        last_checkpoint_ = *path;
        for (const auto& one : damaged)  // out of the way of the checkpoints to come
            fs::rename(one.path, one.path.string() + ".damaged");
        const std::string changes = describe_changes(info.settings, to_json(config_));
        if (!changes.empty()) say("note: settings changed since the checkpoint: " + changes + "\n");
        say(fmt::format("resuming from {} at iteration {}\n", path->string(), iteration_));
    }

    /// One step of each kind without applying it: builds all primitives, and the second pass tells
    /// how long training will take.
    void report_time(const TrainingBatch& batch, int64_t end) {
        double d_seconds = 0, g_seconds = 0;
        for (int pass = 0; pass < 2; ++pass) {
            const auto begin = Clock::now();
            reference_d_step(*model_, loss_, batch);
            const auto middle = Clock::now();
            reference_g_step(*model_, loss_, batch);
            d_seconds = std::chrono::duration<double>(middle - begin).count();
            g_seconds = std::chrono::duration<double>(Clock::now() - middle).count();
            if (d_seconds + g_seconds > 20) break;  // the first pass was long enough to judge by
        }
        const double iteration = d_seconds + g_seconds / config_.n_critic;
        say(fmt::format("{:.1f} ms an iteration, about {} for {} iterations; tensors take {} MiB\n",
                        1e3 * iteration, hours_minutes(iteration * double(end - iteration_)),
                        end - iteration_, device_.arena().peak_bytes() >> 20));
    }

    void step(const TrainingBatch& batch) {
        const double factor = lr_factor(config_, iteration_);
        const AdamOptions adam{.beta1 = config_.beta1, .beta2 = config_.beta2};
        metrics_.iteration = iteration_ + 1;
        metrics_.g_lr = config_.g_lr * factor;
        metrics_.d_lr = config_.d_lr * factor;

        const DiscriminatorStep d = reference_d_step(*model_, loss_, batch);
        require_good({{"D/loss_real", d.loss_real},
                      {"D/loss_fake", d.loss_fake},
                      {"D/loss_cls", d.loss_cls},
                      {"D/loss_gp", d.loss_gp}},
                     "D", model_->D.parameters(), d.grads);
        apply(*model_, d, metrics_.d_lr, adam);
        metrics_.d_real = d.loss_real, metrics_.d_fake = d.loss_fake;
        metrics_.d_cls = d.loss_cls, metrics_.d_gp = d.loss_gp;
        if (loss_.gan == GanLoss::wgan_gp) metrics_.gradient_norm = d.gradient_norm;
        metrics_.accuracy = classification_accuracy(layout_, 0, d.real_logits, batch.c_org);

        if ((iteration_ + 1) % config_.n_critic == 0) {
            const GeneratorStep g = reference_g_step(*model_, loss_, batch);
            require_good({{"G/loss_fake", g.loss_fake},
                          {"G/loss_cls", g.loss_cls},
                          {"G/loss_rec", g.loss_rec}},
                         "G", model_->G.parameters(), g.grads);
            apply(*model_, g, metrics_.g_lr, adam);
            metrics_.g = {
                .fake = g.loss_fake,
                .cls = g.loss_cls,
                .rec = g.loss_rec,
                .accuracy = classification_accuracy(layout_, 0, g.fake_logits, batch.c_trg)};
        }
        ++iteration_;
    }

    /// Stops the run before a loss or gradient that is not finite reaches the weights.
    void require_good(const std::vector<NamedLoss>& losses, const std::string& network,
                      const Parameters& parameters, const std::vector<Tensor>& grads) const {
        const std::string culprit = first_non_finite(losses, network, parameters, grads);
        if (culprit.empty()) return;
        throw Error("train",
                    fmt::format("iteration {}: {}; last good checkpoint: {}", iteration_ + 1,
                                culprit, last_checkpoint_text()),
                    "a lower learning rate, or f32 instead of bf16");
    }

    std::string last_checkpoint_text() const {
        return last_checkpoint_.empty() ? "none yet" : last_checkpoint_.string();
    }

    void report_skipped(const Loader& loader) {
        const auto skipped = loader.skipped();
        for (; reported_skips_ < skipped.size(); ++reported_skips_)
            say(fmt::format("skipped an image that does not decode: {}\n",
                            skipped[reported_skips_]));
    }

    void after_step(int64_t end) {
        if (observer_.progress) observer_.progress(iteration_, metrics_);
        if (iteration_ % config_.log_step == 0) {
            if (!metrics_file_->append(metrics_)) say("warning: metrics.jsonl cannot be written\n");
            if (observer_.metrics) observer_.metrics(metrics_);
        }
        if (grid_ && iteration_ % config_.sample_step == 0) write_samples();
        // A periodic save that fails (disk full) is reported and tried again at the next step; the
        // last one must succeed.
        if (iteration_ % config_.model_save_step == 0 && iteration_ < end) {
            try {
                save();
            } catch (const std::exception& error) {
                say(fmt::format("warning: {}; training goes on\n", error.what()));
            }
        }
    }

    void write_samples() {
        const auto path = request_.run / "samples" / fmt::format("iteration-{:08}.png", iteration_);
        try {
            grid_->write(model_->G, path);
            last_grid_ = path;
        } catch (const Error& error) {
            say(fmt::format("warning: {}\n", error.what()));
        }
    }

    void save() {
        const CheckpointInfo info{.model = model_->config,
                                  .iteration = iteration_,
                                  .g_updates = model_->g_updates,
                                  .d_updates = model_->d_updates,
                                  .seed = uint64_t(config_.seed),
                                  .settings = to_json(config_),
                                  .crop_size = effective_crop(config_),
                                  .last_g = metrics_.g};
        const auto path = checkpoint_path(request_.run, iteration_);
        save_checkpoint(path, *model_, info);
        last_checkpoint_ = path;
        prune_checkpoints(request_.run, config_.keep_checkpoints);
    }

    TrainResult finish() {
        if (last_checkpoint_ != checkpoint_path(request_.run, iteration_)) save();
        if (grid_ && iteration_ % config_.sample_step != 0) write_samples();
        TrainResult result{.iteration = iteration_,
                           .finished = iteration_ >= config_.num_iters,
                           .checkpoint = last_checkpoint_,
                           .sample_grid = last_grid_,
                           .truth = {}};
        const auto* synth = dynamic_cast<const SynthDataset*>(data_.get());
        if (synth && result.finished && !split_.test.empty()) {
            constexpr size_t faces = 256;
            result.truth = measure_truth_error(
                device_, model_->G, *synth,
                std::span(split_.test).first(std::min(faces, split_.test.size())), size_, layout_,
                0);
            write_file_atomically(request_.run / "truth.txt", to_table(result.truth));
        }
        return result;
    }

    Device& device_;
    const TrainRequest& request_;
    const TrainConfig& config_;
    const TrainObserver& observer_;
    ImageSize size_;
    std::unique_ptr<Dataset> data_;
    Split split_;
    LossConfig loss_;
    LabelLayout layout_;
    std::optional<StarGan> model_;
    std::optional<SampleGrid> grid_;
    std::optional<MetricsFile> metrics_file_;
    std::optional<FolderLock> lock_;
    Metrics metrics_;
    int64_t iteration_ = 0;
    size_t reported_skips_ = 0;
    fs::path last_checkpoint_, last_grid_;
};

}  // namespace

TrainResult train(Device& device, const TrainRequest& request, const TrainObserver& observer) {
    validate(request.config);
    return Run(device, request, observer).run();
}

}  // namespace sg
