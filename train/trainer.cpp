#include "train/trainer.h"

#include "engine/atomic_file.h"
#include "train/memory_plan.h"
#include "train/open_dataset.h"
#include "train/run_folder.h"
#include "train/step_log.h"

namespace sg {

namespace {

constexpr int64_t most_unread = 1000;  // iterations whose losses wait on the device

/// One run in progress.
class Run {
  public:
    Run(Device& device, const TrainRequest& request, const TrainObserver& observer,
        int64_t read_every)
        : device_(device),
          request_(request),
          config_(request.config),
          observer_(observer),
          read_every_(read_every),
          size_(parse_image_size(config_.image_size)),
          data_(std::move(
              open_datasets(config_, request.cache, observer.message, request.stop).front())),
          split_(make_split(*data_, effective_test_count(config_, data_->size()),
                            uint64_t(config_.seed))),
          loss_(loss_config(config_)) {
        require(request.resume || !holds_a_run(request.run), "train",
                "{} already holds a run; continue it with --resume {} or choose another --out",
                request.run.string(), request.run.string());
        say(data_report(*data_, split_));
        require_trainable(*data_, split_, config_.batch_size);
        layout_.groups = {data_->label_group()};
        const PlannedRun planned{.model = model_config(config_, layout_),
                                 .precision = precision_from_string(config_.precision),
                                 .batch = config_.batch_size,
                                 .samples = config_.samples,
                                 .loss = loss_,
                                 .log_rows = std::min(read_every_, most_unread)};
        prepare_device(device, planned, [this](const std::string& line) { say(line); });
        model_.emplace(device, planned.model, planned.precision);
    }

    TrainResult run() {
        start();  // before anything is written: a refused resume changes nothing
        lock_.emplace(request_.run);
        prepare_folder();
        metrics_file_.emplace(request_.run, iteration_);
        Loader loader(*data_, split_.train, loader_options(config_), iteration_);
        const int64_t end =
            request_.stop_after > 0
                ? std::min<int64_t>(config_.num_iters, iteration_ + request_.stop_after)
                : config_.num_iters;
        log_.emplace(*model_, config_.batch_size, std::min(read_every_, most_unread));
        BatchUploader uploader(device_, config_.batch_size, size_, layout_, 0,
                               uint64_t(config_.seed));
        bool timed = false;
        while (iteration_ < end && !stopping()) {
            const Batch next = loader.next();
            guarded([&] {
                const TrainingBatch batch = uploader.upload(next);
                if (!std::exchange(timed, true)) report_time(batch, end);
                step(batch);
            });
            report_skipped(loader.skipped());
            after_step(end);
        }
        read_log();
        return guarded([&] { return finish(); });
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
            initialise(*model_, uint64_t(config_.seed));
            say(parameter_report(*model_));
            return;
        }
        const Resumed resumed = resume_run(request_.run, config_, *model_,
                                           [this](const std::string& line) { say(line); });
        iteration_ = resumed.info.iteration;
        metrics_.g = resumed.info.last_g;
        last_checkpoint_ = resumed.checkpoint;
    }

    /// Also builds all primitives, before the first iteration.
    void report_time(const TrainingBatch& batch, int64_t end) {
        const double iteration = seconds_per_iteration(*model_, loss_, batch, config_.n_critic);
        say(fmt::format("{:.1f} ms an iteration, about {} for {} iterations; tensors take {} MiB\n",
                        1e3 * iteration, hours_minutes(iteration * double(end - iteration_)),
                        end - iteration_, device_.arena().peak_bytes() >> 20));
    }

    void step(const TrainingBatch& batch) {
        const double factor = lr_factor(config_, iteration_);
        const double g_lr = config_.g_lr * factor, d_lr = config_.d_lr * factor;
        const AdamOptions adam{.beta1 = config_.beta1, .beta2 = config_.beta2};
        log_->begin(iteration_ + 1, g_lr, d_lr);
        {  // D's gradients are gone before G's are made
            const DiscriminatorStep d = reference_d_step(*model_, loss_, batch);
            log_->add(d, batch);
            apply(*model_, d, d_lr, adam, log_->halted());
        }
        if ((iteration_ + 1) % config_.n_critic == 0) {
            const GeneratorStep g = reference_g_step(*model_, loss_, batch);
            log_->add(g, batch);
            apply(*model_, g, g_lr, adam, log_->halted());
        }
        ++iteration_;
    }

    /// Catches up with the device: metrics of what it has done, and the end of the run if a loss or
    /// gradient was not finite. The weights are then those from before that step.
    void read_log() {
        const StepLog::Reading reading = guarded([&] { return log_->read(); });
        for (Metrics metrics : reading.metrics) {
            if (!metrics.g) metrics.g = metrics_.g;
            metrics_ = metrics;
            if (metrics.iteration % config_.log_step != 0) continue;
            if (!metrics_file_->append(metrics)) say("warning: metrics.jsonl cannot be written\n");
            if (observer_.metrics) observer_.metrics(metrics);
        }
        if (!reading.failure.empty())
            throw Error("train", fmt::format("{}; last good {}", reading.failure, to_go_on_from()),
                        "a lower learning rate, or f32 instead of bf16");
        if (observer_.progress && !reading.metrics.empty())
            observer_.progress(metrics_.iteration, metrics_);
    }

    std::string to_go_on_from() const {
        return "checkpoint: " + (last_checkpoint_.empty() ? "none yet" : last_checkpoint_.string());
    }

    /// Runs work(); what goes wrong, on a GPU perhaps iterations earlier, is told with the
    /// checkpoint.
    template <class Work>
    auto guarded(const Work& work) const -> decltype(work()) {
        try {
            return work();
        } catch (const Error& error) {
            throw Error(error.operation(),
                        fmt::format("{}; in or before iteration {}; last {}", error.fact(),
                                    iteration_ + 1, to_go_on_from()),
                        error.hint());
        }
    }

    void report_skipped(const std::vector<std::string>& skipped) {
        for (; reported_skips_ < skipped.size(); ++reported_skips_)
            say("skipped an image that does not decode: " + skipped[reported_skips_] + "\n");
    }

    void after_step(int64_t end) {
        const bool sample = grid_ && iteration_ % config_.sample_step == 0;
        const bool save_now = iteration_ % config_.model_save_step == 0 && iteration_ < end;
        if (iteration_ % read_every_ == 0 || log_->full() || sample || save_now) read_log();
        if (sample) write_samples();
        // A periodic save that fails (disk full) is reported and tried again at the next step; the
        // last one must succeed.
        if (save_now) {
            try {
                save();
            } catch (const std::exception& error) {
                if (dynamic_cast<const LostDevice*>(&error)) throw;
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
        const auto path = checkpoint_path(request_.run, iteration_);
        save_checkpoint(path, *model_, checkpoint_info(config_, *model_, iteration_, metrics_.g));
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
        if (synth && result.finished && !split_.test.empty())
            result.truth =
                write_truth(request_.run, device_, model_->G, *synth, split_.test, size_, layout_);
        return result;
    }

    Device& device_;
    const TrainRequest& request_;
    const TrainConfig& config_;
    const TrainObserver& observer_;
    int64_t read_every_;
    ImageSize size_;
    std::unique_ptr<Dataset> data_;
    Split split_;
    LossConfig loss_;
    LabelLayout layout_;
    std::optional<StarGan> model_;
    std::optional<SampleGrid> grid_;
    std::optional<MetricsFile> metrics_file_;
    std::optional<FolderLock> lock_;
    std::optional<StepLog> log_;
    Metrics metrics_;        // of the last iteration that was read
    int64_t iteration_ = 0;  // steps that the device has done or will do
    size_t reported_skips_ = 0;
    std::filesystem::path last_checkpoint_, last_grid_;
};

}  // namespace

TrainResult train(Device& device, const TrainRequest& request, const TrainObserver& observer) {
    return train(device, request, observer, device.runs_ahead() ? request.config.log_step : 1);
}

TrainResult train(Device& device, const TrainRequest& request, const TrainObserver& observer,
                  int64_t read_every) {
    validate(request.config);
    require(read_every > 0, "train", "losses cannot be read every {} iterations", read_every);
    return Run(device, request, observer, read_every).run();
}

}  // namespace sg
