#include "tests/gpu_device.h"
#include "tests/model_cases.h"
#include "tests/stored_data.h"
#include "train/batch.h"
#include "train/resident.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr ImageSize kSize{6, 10};
constexpr int64_t kCount = 23;
constexpr int kBatch = 7;
constexpr size_t kGigabyte = 1'000'000'000, kReserve = size_t{256} << 20;

std::vector<std::unique_ptr<Device>> devices() {
    std::vector<std::unique_ptr<Device>> all;
    all.push_back(Device::cpu(2));
    all.push_back(Device::sim({.threads = 2}));
    if (auto gpu = gpu_device(ConvPolicy::own)) all.push_back(std::move(gpu));
    return all;
}

LoaderOptions options_of(bool balance) {
    LoaderOptions options;
    options.batch = kBatch;
    options.size = kSize;
    options.seed = 3;
    options.balance = balance;
    return options;
}

void check_same_bits(const TrainingBatch& a, const TrainingBatch& b) {
    CHECK(a.x_real.shape() == b.x_real.shape());
    CHECK(same_bits(a.x_real.to_host_f32(), b.x_real.to_host_f32()));
    CHECK(same_bits(a.c_org.to_host_f32(), b.c_org.to_host_f32()));
    CHECK(same_bits(a.c_trg.to_host_f32(), b.c_trg.to_host_f32()));
    CHECK(same_bits(a.alpha.to_host_f32(), b.alpha.to_host_f32()));
    CHECK(a.group == b.group);
}

/// Claims to have this many images, without having them.
class ClaimedData : public StoredData {
  public:
    ClaimedData(int64_t count, bool stored, const std::string& name)
        : StoredData(1, kSize, group(name, LabelKind::multi_label, 2)),
          count_(count),
          stored_(stored) {}
    int64_t size() const override { return count_; }
    bool stored(ImageSize size) const override { return stored_ && StoredData::stored(size); }

  private:
    int64_t count_;
    bool stored_;
};

}  // namespace

TEST_CASE("training does not notice whether its images are resident", "[resident]") {
    for (const auto& device : devices())
        for (const bool balance : {false, true}) {
            INFO(device->name() << (balance ? ", balanced" : ""));
            StoredData data(kCount, kSize, kFive);
            data.damaged = {0, 4, 5, 22};
            const LabelLayout layout{.groups = {kEight, kFive}};
            const ResidentImages resident(*device, data, kSize);
            CHECK(resident.damaged() == data.damaged);
            LoaderOptions options = options_of(balance);
            Loader with_pixels(data, data.all_items(), options);
            options.pixels = false;
            options.damaged = resident.damaged();
            Loader without(data, data.all_items(), options);
            BatchUploader bytes(*device, kBatch, kSize, layout, 1, 9);
            BatchUploader indices(*device, kBatch, kSize, layout, 1, 9, &resident);
            // More than an epoch and than there are buffers, and until all damage was met: balanced
            // draws may take long to ask for an image.
            const auto all_met = [&] {
                return with_pixels.skipped().size() >= 4 && without.skipped().size() >= 4;
            };
            for (int i = 0; i < 12 || (i < 500 && !all_met()); ++i) {
                const Batch a = with_pixels.next(), b = without.next();
                CHECK(a.items == b.items);
                CHECK(b.images.empty());
                check_same_bits(bytes.upload(a), indices.upload(b));
            }
            CHECK(with_pixels.skipped().size() == 4);
            auto names = without.skipped();
            std::sort(names.begin(), names.end());
            CHECK(names == std::vector<std::string>{"item0", "item22", "item4", "item5"});
        }
}

TEST_CASE("known damage counts as found damage, with and without pixels", "[resident]") {
    StoredData found(kCount, kSize, kFive);
    found.damaged = {2, 3, 22};
    const StoredData known(kCount, kSize, kFive);  // its images are all right
    LoaderOptions options = options_of(false);
    options.threads = 1;
    Loader reference(found, found.all_items(), options);
    options.damaged = found.damaged;
    Loader with_pixels(known, known.all_items(), options);
    options.pixels = false;
    Loader without(known, known.all_items(), options);
    for (int i = 0; i < 9; ++i) {
        const Batch want = reference.next(), a = with_pixels.next(), b = without.next();
        CHECK((a.items == want.items && b.items == want.items));
        CHECK((a.labels == want.labels && b.labels == want.labels));
        CHECK((a.flips == want.flips && b.flips == want.flips));
        CHECK((a.images == want.images && b.images.empty()));
    }
    CHECK(with_pixels.skipped() == reference.skipped());
    CHECK(without.skipped() == reference.skipped());
}

TEST_CASE("a loader without pixels reads nothing", "[resident]") {
    StoredData data(kCount, kSize, kFive);
    data.damaged = {1};
    data.fatal = 2;
    LoaderOptions options = options_of(false);
    options.pixels = false;
    Loader loader(data, data.all_items(), options);
    for (int i = 0; i < 9; ++i) {
        const auto order = epoch_order(options.seed, uint32_t(i / 3), kCount);
        const Batch batch = loader.next();
        for (int slot = 0; slot < kBatch; ++slot)
            CHECK(batch.items[slot] == order[i % 3 * kBatch + slot]);
    }
    CHECK(data.reads == 0);
    CHECK(loader.skipped().empty());
    options.damaged = data.all_items();
    Loader none(data, data.all_items(), options);
    expect_error([&] { none.next(); },
                 {"none of 23 images can be decoded", "found damaged before"});
}

TEST_CASE("a loader does not keep what lies in memory already", "[resident]") {
    const StoredData data(kCount, kSize, kFive);
    Loader loader(data, data.all_items(), options_of(false));
    for (int i = 0; i < 30; ++i) loader.next();
    CHECK(data.reads >= 30 * kBatch);
}

TEST_CASE("every image arrives, in pieces, outside the arena", "[resident]") {
    constexpr ImageSize size{128, 128};
    constexpr int64_t count = 400;  // of 48 KiB: more than a piece of 16 MiB
    StoredData data(count, size, kFive);
    data.damaged = {3, 341, 342};
    for (const auto& device : devices()) {
        INFO(device->name());
        const size_t in_use = device->arena().bytes_in_use(),
                     reserved = device->arena().reserved_bytes();
        const ResidentImages resident(*device, data, size, 3);
        CHECK(device->arena().bytes_in_use() == in_use);
        CHECK(device->arena().reserved_bytes() == reserved);
        CHECK(resident.damaged() == data.damaged);
        std::vector<uint8_t> got(image_bytes(data, size));
        REQUIRE(got.size() == data.pixels().size());
        device->download(got.data(), resident.images(), got.size());
        const auto bytes = data.image_bytes();
        for (int64_t i = 0; i < count; ++i) {
            const auto* here = got.data() + i * bytes;
            const bool damaged = std::count(data.damaged.begin(), data.damaged.end(), i) > 0;
            const auto* stored = data.pixels().data() + i * bytes;
            CHECK((damaged ? std::all_of(here, here + bytes, [](uint8_t b) { return b == 0; })
                           : std::equal(here, here + bytes, stored)));
        }
    }
}

TEST_CASE("what is not damage ends the upload", "[resident]") {
    StoredData data(kCount, kSize, kFive);
    data.fatal = 13;
    const auto device = Device::cpu(1);
    for (const int threads : {1, 4})
        CHECK_THROWS_WITH(ResidentImages(*device, data, kSize, threads), "disk on fire");
}

TEST_CASE("an uploader refuses items that are not resident", "[resident]") {
    const auto device = Device::cpu(1), other = Device::cpu(1);
    const StoredData data(kCount, kSize, kFive);
    const LabelLayout layout{.groups = {kFive}};
    const ResidentImages resident(*device, data, kSize);
    BatchUploader uploader(*device, kBatch, kSize, layout, 0, 9, &resident);
    Batch batch = Loader(data, data.all_items(), options_of(false)).next();
    batch.items[3] = kCount;
    expect_error([&] { uploader.upload(batch); }, {"batch", "item 23", "23 resident images"});
    batch.items[3] = -1;
    expect_error([&] { uploader.upload(batch); }, {"item -1"});
    batch.items.pop_back();
    expect_error([&] { uploader.upload(batch); }, {"48 bytes of items", "7 images"});
    batch.items.assign(kBatch, kCount - 1);
    uploader.upload(batch);
    expect_error(
        [&] {
            BatchUploader(*device, kBatch, {10, 6}, layout, 0, 9, &resident);
        },
        {"10x6 on cpu", "6x10 on cpu"});
    expect_error([&] { BatchUploader(*other, kBatch, kSize, layout, 0, 9, &resident); },
                 {"resident images"});
}

TEST_CASE("images are made resident where the setting and the memory say so", "[resident]") {
    constexpr int64_t million = 1'000'000;  // of 180 bytes
    const ClaimedData small(5 * million, true, "small"), large(50 * million, true, "large"),
        files(million, false, "files");
    const auto choose = [&](const char* setting, const std::vector<const Dataset*>& data,
                            const Device::Memory& memory) {
        return choose_resident(setting, data, kSize, memory);
    };
    using Chosen = std::vector<bool>;
    const Device::Memory host{}, roomy{.free = 11 * kGigabyte, .total = 12 * kGigabyte},
        exact{.free = 900 * million + kReserve, .total = 2 * kGigabyte},
        tight{.free = exact.free - 1, .total = 2 * kGigabyte},
        full{.free = 0, .total = 2 * kGigabyte};
    CHECK(choose("auto", {&small, &files, &large}, roomy) == Chosen{true, false, true});
    CHECK(choose("auto", {&large, &small, &small}, exact) == Chosen{false, true, false});
    CHECK(choose("auto", {&small}, tight) == Chosen{false});
    CHECK(choose("auto", {&small}, full) == Chosen{false});
    CHECK(choose("auto", {&small}, host) == Chosen{false});
    CHECK(choose("off", {&small, &large}, roomy) == Chosen{false, false});
    CHECK(choose("on", {&small, &large}, roomy) == Chosen{true, true});
    CHECK(choose("on", {&small}, exact) == Chosen{true});
    CHECK(choose("on", {&small, &large}, host) == Chosen{true, true});
    expect_error(
        [&] {
            choose("on", {&small, &small}, exact);
        },
        {"resident", "1.80 GB", "1.17 GB of 2.00 GB are free", "0.27 GB", "auto"});
    expect_error([&] { choose("on", {&small}, tight); }, {"0.90 GB"});
    expect_error([&] { choose("on", {&small, &files}, roomy); }, {"files", "not packed at 6x10"});
    expect_error([&] { choose("maybe", {}, roomy); }, {"'maybe'", "auto, on or off"});
}

TEST_CASE("resident images are made in the order of the data sets", "[resident]") {
    const auto device = Device::sim();
    const StoredData one(kCount, kSize, kFive, 1), two(kCount + 1, kSize, kEight, 2);
    std::string said;
    const auto say = [&](const std::string& line) { said += line; };
    const auto sets = make_resident(*device, "on", {&one, &two}, kSize, say);
    REQUIRE((sets.size() == 2 && sets[0] && sets[1]));
    CHECK(sets[0]->count() == kCount);
    CHECK(sets[1]->count() == kCount + 1);
    CHECK(said ==
          "device memory: 0.00 GB of images of celeba\n"
          "device memory: 0.00 GB of images of rafd\n");
    said.clear();
    for (const char* setting : {"auto", "off"}) {  // the simulated device has the host's memory
        const auto none = make_resident(*device, setting, {&one, &two}, kSize, say);
        CHECK((none.size() == 2 && !none[0] && !none[1]));
    }
    CHECK(said.empty());
}
