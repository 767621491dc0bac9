#include "tests/model_cases.h"
#include "train/batch.h"
#include "train/data/shuffle.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr ImageSize kSize{3, 5};
constexpr int64_t kCount = 7, kPixels = 3 * 5 * 3;
constexpr uint64_t kSeed = 11;

Batch random_bytes(int64_t iteration, int dim) {
    const Rng rng{.seed = uint64_t(iteration)};
    Batch batch;
    batch.iteration = iteration;
    for (int64_t i = 0; i < kCount * kPixels; ++i) batch.images.push_back(uint8_t(rng.bits(i)));
    for (int64_t n = 0; n < kCount; ++n) batch.flips.push_back(rng.bits(10'000 + n) & 1);
    for (int64_t i = 0; i < kCount * dim; ++i)
        batch.labels.push_back(float(rng.below(20'000 + i, 2)));
    return batch;
}

/// An image's values as the networks see them.
std::vector<double> pixels_of(const Batch& batch) {
    std::vector<double> want;
    for (int64_t n = 0; n < kCount; ++n)
        for (int64_t h = 0; h < kSize.height; ++h)
            for (int64_t w = 0; w < kSize.width; ++w)
                for (int64_t c = 0; c < 3; ++c) {
                    const int64_t from = batch.flips[n] ? kSize.width - 1 - w : w;
                    const uint8_t u =
                        batch.images[((n * kSize.height + h) * kSize.width + from) * 3 + c];
                    want.push_back(double((float(u) / 255.0f - 0.5f) / 0.5f));
                }
    return want;
}

/// Row n of the full label vectors holds the own labels of image order[n].
std::vector<double> labels_of(const Batch& batch, const LabelLayout& layout, int known,
                              const std::vector<int64_t>& order) {
    const int dim = layout.groups[known].dim();
    std::vector<double> want;
    for (const int64_t n : order) {
        std::vector<double> row(layout.label_dim());
        for (int i = 0; i < dim; ++i) row[layout.offset(known) + i] = batch.labels[n * dim + i];
        if (layout.groups.size() > 1) row[layout.class_dim() + known] = 1;
        want.insert(want.end(), row.begin(), row.end());
    }
    return want;
}

}  // namespace

TEST_CASE("a loaded batch becomes a training step's tensors", "[batch]") {
    const LabelLayout two = tiny_config().labels, one{.groups = {kFive}};
    for (const auto& device : {Device::cpu(2), Device::sim({.threads = 2})})
        for (const auto& [layout, known] : {std::pair(&two, 0), {&two, 1}, {&one, 0}}) {
            INFO(device->name() << ", group " << known << " of " << layout->groups.size());
            BatchUploader uploader(*device, kCount, kSize, *layout, known, kSeed);
            const int64_t before = device->downloads();
            std::vector<TrainingBatch> got;
            for (int64_t i = 0; i < 4; ++i)  // more than there are buffers
                got.push_back(uploader.upload(random_bytes(i, layout->groups[known].dim())));
            CHECK(device->downloads() == before);
            for (int64_t i = 0; i < 4; ++i) {
                const Batch batch = random_bytes(i, layout->groups[known].dim());
                std::vector<int64_t> own;
                for (int64_t n = 0; n < kCount; ++n) own.push_back(n);
                const auto order =
                    permutation({kSeed, RngPurpose::target_labels, uint32_t(i)}, kCount);
                const Rng alphas{kSeed, RngPurpose::gp_alpha, uint32_t(i)};
                CHECK(got[i].group == known);
                CHECK(got[i].x_real.shape() == Shape{kCount, 3, 5, 3});
                CHECK(got[i].x_real.to_host() == pixels_of(batch));
                CHECK(got[i].c_org.shape() == Shape{kCount, layout->label_dim()});
                CHECK(got[i].c_org.to_host() == labels_of(batch, *layout, known, own));
                CHECK(got[i].c_trg.to_host() == labels_of(batch, *layout, known, order));
                const auto alpha = got[i].alpha.to_host();
                REQUIRE(alpha.size() == kCount);
                for (int64_t n = 0; n < kCount; ++n) CHECK(alpha[n] == double(alphas.uniform(n)));
            }
        }
}

TEST_CASE("a batch of another size is refused", "[batch]") {
    const auto device = Device::cpu(1);
    const LabelLayout layout{.groups = {kFive}};
    BatchUploader uploader(*device, kCount, kSize, layout, 0, kSeed);
    Batch batch = random_bytes(0, 5);
    batch.images.pop_back();
    expect_error([&] { uploader.upload(batch); }, {"314 bytes", "7 images"});
    batch = random_bytes(0, 5);
    batch.flips.push_back(0);
    expect_error([&] { uploader.upload(batch); }, {"8 flips"});
    batch = random_bytes(0, 4);
    expect_error([&] { uploader.upload(batch); }, {"28 labels"});
    uploader.upload(random_bytes(0, 5));  // a refused batch leaves the queue usable
}
