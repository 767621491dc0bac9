#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"
#include "train/data/loader.h"
#include "train/data/preprocess.h"

using namespace sg;
using namespace sg::testing;

namespace {

constexpr ImageSize kSize{4, 6};

// Item i shows pattern_image(.., seed i) and has the labels {i % 2, 1}.
class PatternData : public Dataset {
  public:
    explicit PatternData(int64_t count) : count_(count) {}

    const LabelGroup& label_group() const override { return group_; }
    const DataSummary& summary() const override { return summary_; }
    int64_t size() const override { return count_; }
    std::string item_name(int64_t index) const override { return "item" + std::to_string(index); }
    void read_labels(int64_t index, std::span<float> labels) const override {
        labels[0] = float(index % 2);
        labels[1] = 1.0f;
    }
    void read_image(int64_t index, ImageSize size, std::span<uint8_t> pixels) const override {
        ++reads;
        if (delay.count() > 0) std::this_thread::sleep_for(delay);
        if (index == fatal) throw std::runtime_error("disk on fire");
        if (std::count(broken.begin(), broken.end(), index) > 0) throw Error("image", "damaged");
        const Image image = pattern_image(size.height, size.width, int(index));
        std::copy(image.pixels.begin(), image.pixels.end(), pixels.begin());
    }

    mutable std::atomic<int> reads{0};
    std::vector<int64_t> broken;
    int64_t fatal = -1;
    std::chrono::milliseconds delay{0};

  private:
    int64_t count_;
    LabelGroup group_{"g", LabelKind::multi_label, {"odd", "all"}};
    DataSummary summary_;
};

std::vector<int64_t> all_items(int64_t count) {
    std::vector<int64_t> items(size_t(count), 0);
    std::iota(items.begin(), items.end(), 0);
    return items;
}

LoaderOptions small_options() {
    LoaderOptions options;
    options.batch = 3;
    options.size = kSize;
    options.seed = 11;
    return options;
}

std::vector<Batch> take(const Dataset& data, const LoaderOptions& options, int count,
                        int64_t first = 0) {
    Loader loader(data, all_items(data.size()), options, first);
    std::vector<Batch> batches;
    for (int i = 0; i < count; ++i) batches.push_back(loader.next());
    return batches;
}

bool same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Batch& x, const Batch& y) {
        return x.iteration == y.iteration && x.items == y.items && x.images == y.images &&
               x.flips == y.flips && x.labels == y.labels;
    });
}

}  // namespace

TEST_CASE("a batch holds what its iteration prescribes", "[loader]") {
    const PatternData data(10);
    const LoaderOptions options = small_options();
    const size_t values = size_t(kSize.height) * kSize.width * 3;
    int flips = 0;
    for (const Batch& batch : take(data, options, 20)) {
        // 3 batches of 3 an epoch; the tenth item is left out.
        const std::vector<int64_t> order = epoch_order(11, uint32_t(batch.iteration / 3), 10);
        const Rng rng{11, RngPurpose::flip, uint32_t(batch.iteration)};
        for (int slot = 0; slot < 3; ++slot) {
            const int64_t item = order[size_t(batch.iteration % 3 * 3 + slot)];
            CHECK(batch.items[slot] == item);
            CHECK(batch.labels[slot * 2] == float(item % 2));
            const Image image = pattern_image(kSize.height, kSize.width, int(item));
            const bool flip = rng.bits(uint64_t(slot)) & 1;
            flips += flip;
            CHECK(batch.flips[slot] == flip);
            const auto begin = batch.images.begin() + slot * std::ptrdiff_t(values);
            CHECK(std::equal(image.pixels.begin(), image.pixels.end(), begin));
        }
    }
    CHECK(flips > 15);
    CHECK(flips < 45);
}

TEST_CASE("an epoch visits every item once", "[loader]") {
    const PatternData data(12);
    std::map<int64_t, int> visits;
    for (const Batch& batch : take(data, small_options(), 8)) {
        for (const int64_t item : batch.items) ++visits[item];
    }
    REQUIRE(visits.size() == 12);
    for (const auto& [item, count] : visits) CHECK(count == 2);
    CHECK(epoch_order(1, 0, 50) != epoch_order(1, 1, 50));
    CHECK(epoch_order(1, 0, 50) != epoch_order(2, 0, 50));
}

TEST_CASE("threads, prefetch and cache do not change the batches", "[loader]") {
    PatternData data(11);
    data.broken = {4, 5};
    const std::vector<Batch> reference = take(data, small_options(), 25);
    for (const int threads : {1, 5}) {
        for (const int prefetch : {1, 7}) {
            for (const int64_t cache : {int64_t{0}, int64_t{11 * 72 - 1}, int64_t{1} << 20}) {
                LoaderOptions options = small_options();
                options.threads = threads;
                options.prefetch = prefetch;
                options.cache_bytes = cache;
                CHECK(same(take(data, options, 25), reference));
            }
        }
    }
}

TEST_CASE("a resumed loader goes on where the first stopped", "[loader]") {
    const PatternData data(10);
    const std::vector<Batch> whole = take(data, small_options(), 20);
    for (const int first : {1, 3, 10}) {
        const std::vector<Batch> rest = take(data, small_options(), 20 - first, first);
        CHECK(same(rest, {whole.begin() + first, whole.end()}));
    }
}

TEST_CASE("the cache decodes every image once", "[loader]") {
    const PatternData data(12);
    LoaderOptions options = small_options();
    options.flip = false;
    options.threads = 1;
    take(data, options, 40);
    CHECK(data.reads == 12);
    options.cache_bytes = 12 * 72 - 1;  // one byte short: nothing is kept
    data.reads = 0;
    take(data, options, 40);
    CHECK(data.reads >= 120);
}

TEST_CASE("batches are prepared ahead, but not without limit", "[loader]") {
    const PatternData data(100);
    LoaderOptions options = small_options();
    options.prefetch = 4;
    const Loader loader(data, all_items(100), options);
    for (int i = 0; i < 500 && data.reads < 12; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(data.reads == 12);
}

TEST_CASE("a damaged item is replaced by its successor", "[loader]") {
    PatternData data(9);
    data.broken = {2, 3, 8};
    Loader loader(data, all_items(9), small_options());
    for (int i = 0; i < 6; ++i) {
        const Batch batch = loader.next();
        const std::vector<int64_t> order = epoch_order(11, uint32_t(i / 3), 9);
        for (int slot = 0; slot < 3; ++slot) {
            const int64_t item = order[size_t(i % 3 * 3 + slot)];
            const int64_t expected = item == 2 || item == 3 ? 4 : item == 8 ? 0 : item;
            CHECK(batch.items[slot] == expected);
            CHECK(batch.labels[slot * 2] == float(expected % 2));
        }
    }
    auto skipped = loader.skipped();  // as threads came upon them
    std::sort(skipped.begin(), skipped.end());
    CHECK(skipped == std::vector<std::string>{"item2", "item3", "item8"});
}

TEST_CASE("errors reach the caller, again if asked again", "[loader]") {
    PatternData data(6);
    data.broken = all_items(6);
    Loader none(data, all_items(6), small_options());
    CHECK_THROWS_WITH(none.next(), mentions("loader: none of 6 images can be decoded"));
    CHECK_THROWS_WITH(none.next(), mentions("none of 6 images"));
    CHECK(none.skipped().size() == 6);

    PatternData burning(6);
    burning.fatal = 3;
    Loader loader(burning, all_items(6), small_options());
    CHECK_THROWS_WITH(
        [&] {
            for (int i = 0; i < 2; ++i) loader.next();
        }(),
        "disk on fire");
}

TEST_CASE("a loader can go at any time", "[loader]") {
    PatternData data(50);
    data.delay = std::chrono::milliseconds(1);
    LoaderOptions options = small_options();
    options.threads = 4;
    for (int taken = 0; taken < 6; ++taken) take(data, options, taken);
    CHECK(data.reads > 0);
}

TEST_CASE("a loader refuses options it cannot serve", "[loader]") {
    const PatternData data(4);
    const auto text = [&](LoaderOptions options, std::vector<int64_t> items, int64_t first = 0) {
        try {
            const Loader loader(data, std::move(items), options, first);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    LoaderOptions options = small_options();
    CHECK(text(options, all_items(3)) == "accepted");
    CHECK(text(options, {0, 1}) == "loader: 2 items do not fill a batch of 3");
    CHECK(text(options, {0, 1, 4}) == "loader: item 4 is outside 0 to 3");
    CHECK_THAT(text(options, all_items(3), -1), mentions("first iteration is -1"));
    CHECK_THAT(text(options, all_items(3), int64_t{1} << 40), mentions("lies beyond epoch"));
    options.threads = 0;
    CHECK_THAT(text(options, all_items(3)), mentions("threads 0"));
}
