#include "benchmarks/conv_textbook.h"
#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/references.h"
#include "kernels/common/error.h"
#include "kernels/label_concat/label_concat.h"

// G's first layer, which convolves an image with labels, in the forms that kernels/label_concat
// derives.

namespace sg {

namespace {

constexpr const char* label_name = "label_concat";
constexpr int64_t labels_count = 5, filters = 64, window = 7;  // the paper's
constexpr int frame_version = 3;

const char* default_shape(const std::string& device) {
    return device == "sim" ? "1x16x16x3" : "16x128x128x3";
}

std::span<const LadderVersion> versions(const std::string&, bool) {
    static constexpr LadderVersion forms[] = {
        {1, "planes", "labels as constant planes, then a convolution of 8 channels"},
        {2, "factored", "a convolution of the image; labels as a bias per class of pixels"},
        {3, "frame", "the bias relative to the interior's, which an instance norm removes anyway"}};
    return forms;
}

/// The convolution of the image alone.
ConvShape image_layer(const ConvShape& x) {
    ConvShape s = x;
    s.K = filters, s.R = s.S = window, s.stride = 1, s.pad = (window - 1) / 2;
    return s;
}
/// The one of image and planes, with as many channels as convolutions like.
ConvShape planes_layer(const ConvShape& x) {
    ConvShape s = image_layer(x);
    s.C = (x.C + labels_count + 7) / 8 * 8;
    return s;
}
LabelBiasShape bias_shape(const ConvShape& x) {
    return {.N = x.N, .H = x.H, .W = x.W, .K = filters, .L = labels_count, .R = window};
}

void check(const KernelBenchmark& b) {
    check_label_bias(label_name, bias_shape(b.conv));
}

/// With labels for nothing.
KernelWork work(const KernelBenchmark& b) {
    const ConvShape s = image_layer(b.conv);
    return {.bytes = (s.x_size() + s.y_size() + s.w_size()) * (b.bf16 ? 2 : 4),
            .flops = 2.0 * double(s.y_size()) * double(s.R * s.S * s.C),
            .tensor_cores = b.bf16};
}

bool uses_tensor_cores(const KernelBenchmark& b, int) {
    return b.bf16;
}

/// Operands on the host: x, labels and weights [K, R, R, image, labels, padding].
template <class T>
struct LabelTextbook {
    ConvShape image, planes;
    std::vector<T> x, weights;
    std::vector<float> labels;

    explicit LabelTextbook(const ConvShape& extents)
        : image(image_layer(extents)),
          planes(planes_layer(extents)),
          x(uniform_values<T>(image.x_size(), 1, -1, 1)),
          weights(uniform_values<T>(planes.w_size(), 2, -1, 1)) {
        for (int64_t i = 0; i < planes.w_size(); ++i)
            if (i % planes.C >= image.C + labels_count) weights[i] = T(0.0f);
        const auto rounded = uniform_values<T>(image.N * labels_count, 3, 0, 1);
        labels.assign(rounded.begin(), rounded.end());
    }
    std::vector<T> image_weights() const {
        std::vector<T> w;
        for (int64_t i = 0; i < planes.w_size(); ++i)
            if (i % planes.C < image.C) w.push_back(weights[i]);
        return w;
    }
    /// y of image and planes.
    ConvSample whole() const {
        std::vector<T> input(planes.x_size());
        for (int64_t i = 0; i < planes.x_size(); ++i) {
            const int64_t c = i % planes.C, pixel = i / planes.C, n = pixel / image.H / image.W;
            if (c < image.C)
                input[i] = x[pixel * image.C + c];
            else if (c < image.C + labels_count)
                input[i] = T(labels[n * labels_count + c - image.C]);
        }
        return {planes.y_size(), planes.R * planes.S * planes.C,
                [&](int64_t i) { return textbook_y(planes, input.data(), weights.data(), i); }};
    }
    /// What labels add to y where all taps see them.
    double interior(int64_t element) const {
        const int64_t k = element % filters, n = element / filters / image.H / image.W;
        double sum = 0;
        for (int64_t tap = 0; tap < window * window; ++tap)
            for (int64_t l = 0; l < labels_count; ++l)
                sum += double(labels[n * labels_count + l]) *
                       double(float(weights[(k * window * window + tap) * planes.C + image.C + l]));
        return sum;
    }
    /// The same but for what the interior's labels add.
    ConvSample relative(ConvSample sample) const {
        for (size_t i = 0; i < sample.elements.size(); ++i)
            sample.values[i] -= interior(sample.elements[i]);
        return sample;
    }
};

template <class Context, class T>
class LabelCase : public KernelCase {
    static constexpr bool cpu = std::is_same_v<Context, CpuContext>;
    using W = std::conditional_t<cpu, acc_t<T>, T>;
    template <class V>
    using Memory = DeviceMemory<Context, V>;

  public:
    LabelCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          book_(b.conv),
          whole_(book_.whole()),
          relative_(book_.relative(whole_)),
          x_(context, book_.x, rotation),
          planes_(context, std::vector<T>(book_.planes.x_size()), rotation),
          labels_(context, book_.labels, rotation),
          planes_weights_(context, to<W>(book_.weights), rotation),
          image_weights_(context, to<W>(book_.image_weights()), rotation),
          masters_(context, to<float>(book_.weights), rotation),
          table_(context, std::vector<float>(bias_shape(b.conv).table_size()), rotation),
          y_(context, std::vector<T>(book_.image.y_size()), rotation),
          workspace_size_(std::max(workspace_size(book_.image), workspace_size(book_.planes))),
          workspace_(context, std::vector<float>(std::max<int64_t>(workspace_size_, 1)), rotation) {
    }

    void run(int version) override {
        version_ = version;
        if (version == 1) {
            append_planes();
            convolve(book_.planes, planes_.data(), planes_weights_.data(), nullptr);
        } else {
            label_bias_table(context_,
                             LabelBiasTableArgs<float>{.shape = bias_shape(book_.image),
                                                       .labels = labels_.data(),
                                                       .w = masters_.data() + book_.image.C,
                                                       .w_stride = book_.planes.C,
                                                       .table = table_.data()});
            convolve(book_.image, x_.data(), image_weights_.data(), table_.data());
        }
    }
    void clear() override { y_.clear(); }
    double error() const override {
        return (version_ == frame_version ? relative_ : whole_).error(y_.values());
    }
    std::vector<KernelReference> references() override {
        if constexpr (has_libraries<Context>) return composed_references();
        if constexpr (std::is_same_v<Context, CpuContext>)
            return {{.name = "composed",
                     .idea = "the planes and a convolution of them, as version 1",
                     .run = [this] { run(1); }}};
        return {};
    }

  private:
    template <class V>
    static std::vector<V> to(const std::vector<T>& values) {
        return {values.begin(), values.end()};
    }
    int64_t workspace_size(const ConvShape& shape) const {
        if constexpr (!cpu)
            return conv_workspace<T>(context_.properties(), ConvPass::forward, shape);
        return 0;
    }
    void append_planes() {
        const ConvShape& s = book_.image;
        label_concat_forward(
            context_, LabelConcatForwardArgs<T>{.N = s.N,
                                                .M = s.H * s.W,
                                                .C = s.C,
                                                .L = labels_count,
                                                .x = x_.data(),
                                                .labels = labels_.data(),
                                                .y = planes_.data(),
                                                .padding = book_.planes.C - s.C - labels_count});
    }
    void convolve(const ConvShape& shape, const T* x, const W* w, const float* table) {
        conv_forward(context_,
                     ConvForwardArgs<T, T, W>{.shape = shape,
                                              .x = x,
                                              .w = w,
                                              .label_bias = table,
                                              .label_bias_relative = version_ == frame_version,
                                              .y = y_.data(),
                                              .workspace = workspace_.data(),
                                              .workspace_size = workspace_size_});
    }
    /// The libraries' convolutions of our planes.
    std::vector<KernelReference> composed_references() {
        const ConvCall call{.shape = book_.planes,
                            .arithmetic = conv_arithmetic<T>(ConvMath::strict)};
        auto all = conv_references(context_, call, [this]() -> ConvOperands {
            return {planes_.data(), planes_weights_.data(), nullptr, y_.data()};
        });
        for (KernelReference& r : all) {
            if (!r.missing.empty()) continue;
            r.idea = "our planes, then " + r.idea;
            r.run = [this, convolve = r.run] {
                version_ = 1;
                append_planes();
                convolve();
            };
        }
        return all;
    }

    Context& context_;
    LabelTextbook<T> book_;
    ConvSample whole_, relative_;
    Memory<T> x_, planes_;
    Memory<float> labels_;
    Memory<W> planes_weights_, image_weights_;
    Memory<float> masters_, table_;
    Memory<T> y_;
    int64_t workspace_size_;
    Memory<float> workspace_;
    int version_ = 1;  ///< that ran last
};

}  // namespace

const KernelFamily& label_family() {
    static const KernelFamily family{{label_name},      default_shape,       versions, check, work,
                                     uses_tensor_cores, open_case<LabelCase>};
    return family;
}

}  // namespace sg
