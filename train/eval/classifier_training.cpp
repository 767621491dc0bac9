#include "train/eval/classifier_training.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/finite_guard.h"
#include "kernels/image/image.h"
#include "model/losses.h"
#include "train/data/loader.h"

namespace sg {

namespace {

constexpr int report_every = 10;  // iterations: between two, a GPU is not waited for

/// Bytes [count, H, W, 3], mirrored where flips (may be empty) say so, as the network sees them.
Tensor image_tensor(Device& device, ImageSize size, std::span<const uint8_t> images,
                    std::span<const uint8_t> flips) {
    const int64_t pixels = int64_t(size.height) * size.width * 3;
    const int64_t count = int64_t(images.size()) / pixels;
    const DeviceBytes there(device, images.size() + flips.size());
    auto* bytes = static_cast<uint8_t*>(there.data());
    device.upload(bytes, images.data(), images.size());
    if (!flips.empty()) device.upload(bytes + images.size(), flips.data(), flips.size());
    Tensor x = Tensor::empty(device, {count, size.height, size.width, 3}, DType::f32);
    device.run([&](auto& context) {
        image_to_tensor(context, ImageToTensorArgs<float>{
                                     .N = count,
                                     .H = size.height,
                                     .W = size.width,
                                     .C = 3,
                                     .C_out = 3,
                                     .images = bytes,
                                     .flip = flips.empty() ? nullptr : bytes + images.size(),
                                     .y = x.data<float>()});
    });
    return x;
}

/// The training in progress.
class Fit {
  public:
    Fit(Device& device, Classifier& network, const ClassifierOptions& options)
        : device_(device), network_(network), options_(options), guard_(device) {
        layout_.groups = {network.config().labels};
    }

    void step(const Batch& batch) {
        const ClassifierConfig& config = network_.config();
        Parameters& parameters = network_.parameters();
        const Tensor x = image_tensor(device_, {config.height, config.width}, batch.images,
                                      std::span<const uint8_t>(batch.flips));
        const Tensor labels =
            Tensor::from_host(device_, {x.dim(0), config.labels.dim()},
                              std::span<const float>(batch.labels), parameters.dtype());
        const Tensor loss = classification_loss(layout_, 0, network_.forward(x).logits, labels);
        const std::vector<Tensor> gradients = grad({loss}, parameters.tensors());
        std::vector<Tensor> watched{loss};
        watched.insert(watched.end(), gradients.begin(), gradients.end());
        guard_.check(watched);
        const AdamOptions adam{.beta1 = 0.9};
        parameters.schedule_adam(done_ + 1, learning_rate(options_, done_), adam);
        parameters.adam_step(gradients, adam, guard_.halted());
        sum_ = summed_ == 0 ? loss.detach() : add(sum_, loss.detach());
        ++summed_;
        ++done_;
    }

    int done() const { return done_; }

    /// The mean loss since the last call, if all was finite. Waits for the device.
    double read() {
        if (const auto finding = guard_.read()) {
            const int tensor = finding->tensor;
            const std::string what =
                tensor == 0 ? "the loss"
                            : "the gradient of " + network_.parameters().entries()[tensor - 1].name;
            throw Error("classifier",
                        fmt::format("{} is not finite in iteration {} of {}", what,
                                    finding->check + 1, options_.iterations),
                        "a lower learning rate, or f32 instead of bf16");
        }
        return sum_.item() / std::exchange(summed_, 0);
    }

  private:
    Device& device_;
    Classifier& network_;
    const ClassifierOptions& options_;
    LabelLayout layout_;
    FiniteGuard guard_;
    Tensor sum_;  // of the losses since the last reading
    int summed_ = 0, done_ = 0;
};

/// Held-out images' logits and labels.
struct HeldOut {
    std::vector<float> logits, labels;
};

HeldOut judge_items(Device& device, const Classifier& network, const Dataset& dataset,
                    std::span<const int64_t> items) {
    const ImageSize size{network.config().height, network.config().width};
    const size_t pixels = size_t(size.height) * size.width * 3, dim = network.config().labels.dim();
    constexpr size_t slice = 32;
    HeldOut result;
    std::vector<uint8_t> images;
    for (size_t i = 0; i < items.size(); ++i) {
        std::vector<uint8_t> image(pixels);
        std::vector<float> labels(dim);
        try {
            dataset.read_image(items[i], size, image);
            dataset.read_labels(items[i], labels);
            images.insert(images.end(), image.begin(), image.end());
            result.labels.insert(result.labels.end(), labels.begin(), labels.end());
        } catch (const Error&) {  // the loader leaves out what does not decode, too
        }
        if (images.empty() || (images.size() < slice * pixels && i + 1 < items.size())) continue;
        const auto logits = judge(network, image_tensor(device, size, images, {})).logits;
        result.logits.insert(result.logits.end(), logits.begin(), logits.end());
        images.clear();
    }
    return result;
}

std::vector<double> majority(const LabelGroup& group, std::span<const float> labels) {
    const size_t dim = group.dim(), rows = labels.size() / dim;
    std::vector<double> share(dim);
    for (size_t n = 0; n < labels.size(); ++n) share[n % dim] += labels[n] / double(rows);
    if (group.kind == LabelKind::one_hot)
        return std::vector<double>(dim, *std::max_element(share.begin(), share.end()));
    for (double& s : share) s = std::max(s, 1 - s);
    return share;
}

void check(const ClassifierOptions& o) {
    require(o.iterations > 0, "classifier", "{} iterations, expected at least 1", o.iterations);
    require(o.batch > 0, "classifier", "batch is {}, expected at least 1", o.batch);
    require(o.learning_rate > 0 && std::isfinite(o.learning_rate), "classifier",
            "learning rate is {}, expected a positive number", o.learning_rate);
}

}  // namespace

double learning_rate(const ClassifierOptions& options, int iteration) {
    const int rising = std::max(1, options.iterations / 20);
    if (iteration < rising) return options.learning_rate * (iteration + 1) / rising;
    const double done = double(iteration - rising) / std::max(1, options.iterations - rising);
    return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

TrainedClassifier train_classifier(Device& device, const Dataset& dataset, const Split& split,
                                   ImageSize size, const ClassifierOptions& options,
                                   const std::function<void(int, int, double)>& progress) {
    check(options);
    const int batch = int(std::clamp<int64_t>(int64_t(split.train.size()), 1, options.batch));
    require_trainable(dataset, split, batch);
    require(!split.test.empty(), "classifier", "{}: no images are held out to test it on",
            dataset.summary().source);
    TrainedClassifier result;
    result.network = std::make_unique<Classifier>(
        device,
        ClassifierConfig{
            .height = size.height, .width = size.width, .labels = dataset.label_group()},
        options.precision);
    initialise(*result.network, options.seed);

    Loader loader(dataset, split.train,
                  {.batch = batch, .size = size, .seed = options.seed, .threads = options.threads});
    Fit fit(device, *result.network, options);
    while (fit.done() < options.iterations) {
        fit.step(loader.next());
        if (fit.done() % report_every != 0 && fit.done() < options.iterations) continue;
        result.report.final_loss = fit.read();
        if (progress) progress(fit.done(), options.iterations, result.report.final_loss);
    }

    const HeldOut held_out = judge_items(device, *result.network, dataset, split.test);
    require(!held_out.labels.empty(), "classifier", "{}: none of the {} held-out images decodes",
            dataset.summary().source, split.test.size());
    const LabelGroup& group = dataset.label_group();
    const LabelAccuracy accuracy = label_accuracy(group, held_out.logits, held_out.labels);
    result.report.accuracy = accuracy.overall;
    result.report.per_label = accuracy.per_label;
    result.report.majority = majority(group, held_out.labels);
    result.report.trained_on = int64_t(split.train.size() - loader.skipped().size());
    result.report.held_out = int64_t(held_out.labels.size()) / group.dim();
    return result;
}

}  // namespace sg
