#include <array>

#include "benchmarks/device_memory.h"
#include "benchmarks/kernel_family.h"
#include "benchmarks/library_references.h"
#include "kernels/image/image.h"
#include "kernels/upsample/upsample.h"

// Kernels that move pictures: doubling and its adjoint, and bytes to what the networks see.

namespace sg {

namespace {

constexpr const char *up_name = "upsample_forward", *down_name = "upsample_backward";
constexpr const char* bytes_name = "image_to_tensor";

const char* default_shape(const std::string& device) {
    return device == "sim" ? "2x8x8x64" : "16x32x32x256";  // before G's first doubling
}

std::span<const LadderVersion> versions(const std::string& kernel, bool cpu) {
    static constexpr LadderVersion pixels[] = {
        {1, "pixels", "16 bytes of a pixel a thread, read once and written four times"}};
    static constexpr LadderVersion bytes[] = {
        {1, "pixels", "a row of an image a block; its bytes are mirrored and scaled on the way"}};
    static constexpr LadderVersion rows[] = {{1, "rows", "row after row, rows over threads"}};
    if (cpu) return rows;
    return kernel == bytes_name ? bytes : pixels;
}

/// upsample_*: of the small image x. image_to_tensor: a byte read and a value written.
KernelWork work(const KernelBenchmark& b) {
    const int64_t type = b.bf16 ? 2 : 4, count = b.norm.size();
    if (b.kernel == bytes_name) return {.bytes = (1 + type) * count, .flops = 3.0 * double(count)};
    return {.bytes = 5 * type * count, .flops = b.kernel == down_name ? 3.0 * double(count) : 0};
}

template <class T>
std::vector<double> doubled(const ConvShape& s, const std::vector<T>& x) {
    std::vector<double> y;
    for (int64_t n = 0; n < s.N; ++n)
        for (int64_t h = 0; h < 2 * s.H; ++h)
            for (int64_t w = 0; w < 2 * s.W; ++w)
                for (int64_t c = 0; c < s.C; ++c)
                    y.push_back(float(x[((n * s.H + h / 2) * s.W + w / 2) * s.C + c]));
    return y;
}
template <class T>
std::vector<double> gathered(const ConvShape& s, const std::vector<T>& grad_y) {
    std::vector<double> grad_x(size_t(s.x_size()));
    int64_t i = 0;
    for (int64_t n = 0; n < s.N; ++n)
        for (int64_t h = 0; h < 2 * s.H; ++h)
            for (int64_t w = 0; w < 2 * s.W; ++w)
                for (int64_t c = 0; c < s.C; ++c, ++i)
                    grad_x[((n * s.H + h / 2) * s.W + w / 2) * s.C + c] += float(grad_y[i]);
    return grad_x;
}

template <class Context, class T>
class ImageCase : public KernelCase {
    template <class V>
    using Memory = DeviceMemory<Context, V>;

  public:
    ImageCase(Context& context, const KernelBenchmark& b)
        : KernelCase(b),
          context_(context),
          kernel_(b.kernel),
          shape_(b.conv),
          bf16_(b.bf16),
          x_(context, uniform_values<T>(x_count(), 1, -1, 1), rotation),
          y_(context, std::vector<T>(size_t(y_count())), rotation),
          bytes_(context, bytes(), rotation),
          index_(context, order(), rotation),
          flip_(context, mirrored(), rotation) {}

    void run(int) override {
        const auto [N, H, W, C] = std::array{shape_.N, shape_.H, shape_.W, shape_.C};
        if (kernel_ == up_name)
            upsample_forward(context_, UpsampleForwardArgs<T>{
                                           .shape = {N, H, W, C}, .x = x_.data(), .y = y_.data()});
        else if (kernel_ == down_name)
            upsample_backward(context_,
                              UpsampleBackwardArgs<T>{
                                  .shape = {N, H, W, C}, .grad_y = x_.data(), .grad_x = y_.data()});
        else
            image_to_tensor(context_, ImageToTensorArgs<T>{.N = N,
                                                           .H = H,
                                                           .W = W,
                                                           .C = C,
                                                           .C_out = C,
                                                           .images = bytes_.data(),
                                                           .index = index_.data(),
                                                           .flip = flip_.data(),
                                                           .y = y_.data()});
    }
    void clear() override { y_.clear(); }
    double error() const override {
        if (kernel_ == up_name) return relative_error(y_.values(), doubled(shape_, x_.values()));
        if (kernel_ == down_name) return relative_error(y_.values(), gathered(shape_, x_.values()));
        return relative_error(y_.values(), tensor());
    }
    std::vector<KernelReference> references() override {
        if (kernel_ != bytes_name)
            return library_references(context_,
                                      {.op = kernel_ == up_name ? LibraryOp::upsample_forward
                                                                : LibraryOp::upsample_backward,
                                       .N = shape_.N,
                                       .H = shape_.H,
                                       .W = shape_.W,
                                       .C = shape_.C,
                                       .bf16 = bf16_},
                                      [this]() -> LibraryOperands {
                                          return {x_.data(), nullptr, y_.data()};
                                      });
        if constexpr (std::is_same_v<Context, CpuContext>)
            return {{.name = "composed",
                     .idea = "as torchvision: mirror, divide, subtract and divide, a pass each",
                     .run = [this] { run_composed(); }}};
        return {};
    }

  private:
    int64_t x_count() const {
        return kernel_ == bytes_name ? 0 : (kernel_ == down_name ? 4 : 1) * shape_.x_size();
    }
    int64_t y_count() const { return (kernel_ == up_name ? 4 : 1) * shape_.x_size(); }
    std::vector<uint8_t> bytes() const {
        std::vector<uint8_t> values;
        if (kernel_ != bytes_name) return values;
        for (const float v : uniform_values<float>(shape_.x_size(), 3, 0, 256))
            values.push_back(uint8_t(v));
        return values;
    }
    /// The last image first.
    std::vector<int64_t> order() const {
        std::vector<int64_t> index;
        for (int64_t n = shape_.N; n-- > 0;) index.push_back(n);
        return index;
    }
    std::vector<uint8_t> mirrored() const {
        std::vector<uint8_t> flip;
        for (int64_t n = 0; n < shape_.N; ++n) flip.push_back(n % 2 == 0);
        return flip;
    }
    /// Where element `at` of the result comes from.
    int64_t source(int64_t at) const {
        const int64_t c = at % shape_.C, w = at / shape_.C % shape_.W;
        const int64_t row = at / shape_.C / shape_.W, h = row % shape_.H, n = row / shape_.H;
        const int64_t from = n % 2 == 0 ? shape_.W - 1 - w : w;
        return (((shape_.N - 1 - n) * shape_.H + h) * shape_.W + from) * shape_.C + c;
    }
    std::vector<double> tensor() const {
        const std::vector<uint8_t> stored = bytes_.values();
        std::vector<double> want;
        for (int64_t i = 0; i < shape_.x_size(); ++i)
            want.push_back(double(stored[source(i)]) / 127.5 - 1);
        return want;
    }
    void run_composed() {
        const int64_t count = shape_.x_size();
        moved_.resize(size_t(count));
        scaled_.resize(size_t(count));
        const auto pass = [&](const auto& element) {
            parallel_chunks(context_, count, [&](int64_t begin, int64_t end) {
#pragma omp simd
                for (int64_t i = begin; i < end; ++i) element(i);
            });
        };
        const uint8_t* stored = bytes_.data();
        T* y = y_.data();
        parallel_for(context_, shape_.N * shape_.H * shape_.W, [&](int64_t pixel) {
            const int64_t to = pixel * shape_.C, from = source(to);
            for (int64_t c = 0; c < shape_.C; ++c) moved_[to + c] = stored[from + c];
        });
        pass([&](int64_t i) { scaled_[i] = float(moved_[i]) / 255.0f; });
        pass([&](int64_t i) { scaled_[i] -= 0.5f; });
        pass([&](int64_t i) { y[i] = T(scaled_[i] / 0.5f); });
    }

    Context& context_;
    std::string kernel_;
    ConvShape shape_;  ///< the extents alone
    bool bf16_;
    Memory<T> x_, y_;
    Memory<uint8_t> bytes_;
    Memory<int64_t> index_;
    Memory<uint8_t> flip_;
    std::vector<uint8_t> moved_;
    std::vector<float> scaled_;
};

}  // namespace

const KernelFamily& image_family() {
    static const KernelFamily family{{up_name, down_name, bytes_name},
                                     default_shape,
                                     versions,
                                     no_check,
                                     work,
                                     no_tensor_cores,
                                     open_case<ImageCase>};
    return family;
}

}  // namespace sg
