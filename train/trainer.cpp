#include "train/trainer.h"

#include "engine/atomic_file.h"
#include "train/memory_plan.h"
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
          say_(observer.message ? observer.message : [](const std::string&) {}),
          read_every_(read_every),
          size_(parse_image_size(config_.image_size)),
          data_(config_, request.cache, say_, request.stop),
          schedule_(data_.sets(), config_.joint_iteration, config_.n_critic),
          loss_(loss_config(config_)),
          step_(step_kind_from_string(config_.step)),
          last_g_(data_.sets()) {
        say_(data_.report());
        data_.require_trainable(config_.batch_size);
        const PlannedRun planned{.model = model_config(config_, data_.layout()),
                                 .precision = precision_from_string(config_.precision),
                                 .batch = config_.batch_size,
                                 .samples = config_.samples * data_.sets(),
                                 .ema = config_.ema,
                                 .loss = loss_,
                                 .step = step_,
                                 .side_stream = config_.side_stream,
                                 .log_rows = log_rows(),
                                 .n_critic = config_.n_critic,
                                 .sets = data_.sets()};
        prepare_device(device, planned, say_);
        device.use_two_streams(config_.side_stream);
        data_.make_resident(device, say_);
        model_.emplace(device, planned.model, planned.precision, planned.ema, masters_for(step_));
    }

    TrainResult run() {
        start();  // before anything is written: a refused resume changes nothing
        lock_.emplace(request_.run);
        // Again: others may have trained there while the data were read.
        require_usable_folder(request_.run, request_.resume);
        prepare_run_folder(request_.run, config_, data_);
        grid_.emplace(make_sample_grid(device_, data_, size_, config_.samples, say_));
        metrics_file_.emplace(request_.run, iteration_);
        guarded([&] { data_.start(device_, schedule_, iteration_); });
        const int64_t end =
            request_.stop_after > 0
                ? std::min<int64_t>(config_.num_iters, iteration_ + request_.stop_after)
                : config_.num_iters;
        log_.emplace(*model_, config_.batch_size, log_rows());
        while (iteration_ < end && !stopping()) {
            guarded([&] { iterate(end); });
            for (const std::string& name : data_.new_skips())
                say_("skipped an image that does not decode: " + name + "\n");
            after_iteration(end);
        }
        read_log();
        return guarded([&] { return finish(); });
    }

  private:
    bool stopping() const { return request_.stop && request_.stop->load(); }

    /// D steps whose losses wait on the device: of whole iterations.
    int64_t log_rows() const {
        return std::min(read_every_, most_unread) * schedule_.steps_per_iteration();
    }

    void start() {
        if (!request_.resume) {
            initialise(*model_, uint64_t(config_.seed));
            say_(parameter_report(*model_));
            return;
        }
        const Resumed resumed = resume_run(request_.run, config_, data_, *model_, say_);
        iteration_ = resumed.info.iteration;
        last_g_ = resumed.info.last_g;
        last_checkpoint_ = resumed.checkpoint;
    }

    /// Also builds all primitives, before the first iteration.
    void report_time(const TrainingBatch& batch, int64_t end) {
        const double iteration =
            seconds_per_iteration(*model_, loss_, batch, step_, config_.n_critic) *
            schedule_.steps_per_iteration();
        say_(time_report(iteration, end - iteration_, device_.arena().peak_bytes()));
    }

    /// On every data set whose turn it is.
    void iterate(int64_t end) {
        for (const JointSchedule::Step& step : schedule_.steps(iteration_)) {
            const std::span<TrainingBatch> fetched = data_.fetch(step);
            if (!std::exchange(timed_, true)) report_time(fetched[0], end);
            learn(step, fetched);
        }
        ++iteration_;
    }

    /// `fetched`: the batches that came with the step's, if they came now.
    void learn(const JointSchedule::Step& now, std::span<TrainingBatch> fetched) {
        const double factor = lr_factor(config_, iteration_);
        const double g_lr = config_.g_lr * factor, d_lr = config_.d_lr * factor;
        const AdamOptions adam{.beta1 = config_.beta1, .beta2 = config_.beta2};
        log_->begin(iteration_ + 1, now.set, g_lr, d_lr);
        schedule_updates(*model_, now.g_step, d_lr, g_lr, adam);
        const bool fakes = !fetched.empty() && !now.g_step && step_ == StepKind::fused;
        const auto turn = [&] {
            if (fakes) generate_fakes(model_->G, fetched);
            const TrainingBatch batch = data_.take(now);
            training_turn(*model_, loss_, batch, step_, now.g_step, [&](const auto& step) {
                log_->add(step, batch);
                update(*model_, step, adam, log_->halted());
            });
        };
        if (!config_.graph) return turn();
        const char* kind = now.g_step ? "D and G" : fakes ? "fakes and D" : "D";
        device_.run_as_graph(fmt::format("{} {}", kind, now.set), turn);
    }

    /// Whether a step's losses are to be shown: those of the last turn of the data sets before
    /// every log_step.
    bool logged(const Metrics& m) const {
        const int64_t to_next = config_.log_step - 1 - (m.iteration - 1) % config_.log_step;
        return to_next < schedule_.turn();
    }

    /// Catches up with the device: metrics of what it has done; an Error if a loss or gradient was
    /// not finite. The weights are then those from before that step.
    void read_log() {
        const StepLog::Reading reading = guarded([&] { return log_->read(); });
        for (Metrics metrics : reading.metrics) {
            if (metrics.g) last_g_[metrics.set] = metrics.g;
            metrics.g = last_g_[metrics.set];
            metrics_ = metrics;
            if (!logged(metrics)) continue;
            if (!metrics_file_->append(metrics)) say_("warning: metrics.jsonl cannot be written\n");
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

    void after_iteration(int64_t end) {
        const bool sample = !grid_->empty() && iteration_ % config_.sample_step == 0;
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
                say_(fmt::format("warning: {}; training goes on\n", error.what()));
            }
        }
    }

    void write_samples() {
        const auto path = request_.run / "samples" / fmt::format("iteration-{:08}.png", iteration_);
        try {
            grid_->write(*model_, path);
            last_grid_ = path;
        } catch (const Error& error) {
            say_(fmt::format("warning: {}\n", error.what()));
        }
    }

    void save() {
        const auto path = checkpoint_path(request_.run, iteration_);
        save_checkpoint(path, *model_,
                        checkpoint_info(config_, data_, *model_, iteration_, last_g_));
        last_checkpoint_ = path;
        prune_checkpoints(request_.run, config_.keep_checkpoints);
    }

    TrainResult finish() {
        if (last_checkpoint_ != checkpoint_path(request_.run, iteration_)) save();
        if (!grid_->empty() && iteration_ % config_.sample_step != 0) write_samples();
        const bool finished = iteration_ >= config_.num_iters;
        return {.iteration = iteration_,
                .finished = finished,
                .checkpoint = last_checkpoint_,
                .sample_grid = last_grid_,
                .truth = finished ? write_truth(request_.run, device_, display_generator(*model_),
                                                data_, size_)
                                  : std::vector<TruthError>{}};
    }

    Device& device_;
    const TrainRequest& request_;
    const TrainConfig& config_;
    const TrainObserver& observer_;
    const std::function<void(const std::string&)> say_;
    int64_t read_every_;
    ImageSize size_;
    TrainingData data_;
    JointSchedule schedule_;
    LossConfig loss_;
    StepKind step_;
    std::optional<StarGan> model_;
    std::optional<SampleGrid> grid_;
    std::optional<MetricsFile> metrics_file_;
    std::optional<FolderLock> lock_;
    std::optional<StepLog> log_;
    Metrics metrics_;                                      // of the last step that was read
    std::vector<std::optional<GeneratorMetrics>> last_g_;  // per data set
    int64_t iteration_ = 0;  // steps that the device has done or will do
    bool timed_ = false;
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
    require_usable_folder(request.run, request.resume);  // before data are listed and packed
    return Run(device, request, observer, read_every).run();
}

}  // namespace sg
