#include "train/step_log.h"

namespace sg {

namespace {

/// The columns of the log. Labels and logits of D's batch follow, then those of G's.
enum Column : int64_t { d_real, d_fake, d_cls, d_gp, d_norm, g_fake, g_cls, g_rec, scalars };
/// The losses that are checked, in that order.
constexpr std::array d_names{"D/loss_real", "D/loss_fake", "D/loss_cls", "D/loss_gp"};
constexpr std::array g_names{"G/loss_fake", "G/loss_cls", "G/loss_rec"};

std::vector<Tensor> joined(std::vector<Tensor> losses, const std::vector<Tensor>& gradients) {
    losses.insert(losses.end(), gradients.begin(), gradients.end());
    return losses;
}

}  // namespace

StepLog::StepLog(const StarGan& model, int64_t batch, int64_t rows)
    : model_(model),
      logits_(batch * model.config.labels.class_dim()),
      labels_(batch * model.config.labels.label_dim()),
      guard_(model.G.parameters().tensors()[0].device()),
      log_(model.G.parameters().tensors()[0].device(), rows, scalars + 2 * (logits_ + labels_),
           model.G.parameters().dtype()) {}

void StepLog::begin(int64_t iteration, int group, double g_lr, double d_lr) {
    const auto& groups = model_.config.labels.groups;
    Metrics& metrics = rows_.emplace_back();
    metrics.iteration = iteration;
    metrics.set = group;
    if (groups.size() > 1) metrics.data = groups.at(group).name;
    metrics.g_lr = g_lr, metrics.d_lr = d_lr;
}

void StepLog::record(int64_t column, std::span<const Tensor> values) {
    for (const Tensor& value : values) {
        log_.record(int64_t(rows_.size()) - 1, column, value);
        column += value.size();
    }
}

void StepLog::add(const DiscriminatorStep& step, const TrainingBatch& batch) {
    const std::vector losses{step.loss_real, step.loss_fake, step.loss_cls, step.loss_gp};
    guard_.check(joined(losses, step.grads));
    record(d_real, losses);
    record(d_norm, std::array{step.gradient_norm});
    record(scalars, std::array{step.real_logits, batch.c_org});
    if (step.x_hat_grad) rows_.back().gradient_norm = 0;
}

void StepLog::add(const GeneratorStep& step, const TrainingBatch& batch) {
    const std::vector losses{step.loss_fake, step.loss_cls, step.loss_rec};
    guard_.check(joined(losses, step.grads));
    record(g_fake, losses);
    record(scalars + logits_ + labels_, std::array{step.fake_logits, batch.c_trg});
    rows_.back().g.emplace();
}

void StepLog::fill(Metrics& m, std::span<const double> values) const {
    const auto accuracy = [&](int64_t column) {
        return classification_accuracy(model_.config.labels, m.set, values.subspan(column, logits_),
                                       values.subspan(column + logits_, labels_));
    };
    m.d_real = values[d_real], m.d_fake = values[d_fake];
    m.d_cls = values[d_cls], m.d_gp = values[d_gp];
    if (m.gradient_norm) m.gradient_norm = values[d_norm];
    m.accuracy = accuracy(scalars);
    if (m.g)
        m.g = {.fake = values[g_fake],
               .cls = values[g_cls],
               .rec = values[g_rec],
               .accuracy = accuracy(scalars + logits_ + labels_)};
}

std::string StepLog::describe(bool of_g, int tensor, std::span<const double> values) const {
    const std::span<const char* const> names =
        of_g ? std::span<const char* const>(g_names) : std::span<const char* const>(d_names);
    if (tensor < int(names.size()))
        return fmt::format("{} is {}", names[tensor], values[(of_g ? g_fake : d_real) + tensor]);
    const Parameters& parameters = of_g ? model_.G.parameters() : model_.D.parameters();
    return fmt::format("the gradient of {}.{} is not finite", of_g ? "G" : "D",
                       parameters.entries()[tensor - names.size()].name);
}

StepLog::Reading StepLog::read() {
    Reading reading;
    if (rows_.empty()) return reading;
    const std::vector<double> table = log_.read(int64_t(rows_.size()));
    const auto finding = guard_.read();
    for (size_t i = 0; i < rows_.size(); ++i) {
        const auto values = std::span(table).subspan(i * log_.columns(), log_.columns());
        const int64_t checks = rows_[i].g ? 2 : 1;
        if (finding && finding->check < passed_ + checks) {
            reading.failure =
                fmt::format("iteration {}: {}", rows_[i].iteration,
                            describe(finding->check > passed_, finding->tensor, values));
            break;
        }
        fill(rows_[i], values);
        reading.metrics.push_back(rows_[i]);
        passed_ += checks;
    }
    rows_.clear();
    return reading;
}

}  // namespace sg
