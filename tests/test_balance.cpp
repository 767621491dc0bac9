#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tests/labelled_data.h"
#include "tests/support.h"
#include "train/data/balance.h"
#include "train/data/loader.h"

using namespace sg;
using namespace sg::testing;

namespace {

std::vector<int64_t> all_items(const Dataset& data) {
    std::vector<int64_t> items(size_t(data.size()), 0);
    std::iota(items.begin(), items.end(), 0);
    return items;
}

/// Class sizes 1, 5, 30 and 200, in mixed order.
LabelledData rare_classes() {
    std::vector<std::vector<float>> rows;
    for (const auto& [label, count] : {std::pair(0, 1), {1, 5}, {2, 30}, {3, 200}})
        for (int i = 0; i < count; ++i) {
            rows.emplace_back(4, 0.0f);
            rows.back()[label] = 1;
        }
    const Rng rng{.seed = 5};
    for (uint32_t i = uint32_t(rows.size()) - 1; i > 0; --i)
        std::swap(rows[i], rows[rng.below(i, i + 1)]);
    return {LabelKind::one_hot, rows};
}

/// Three independent attributes on 5, 30 and 60 percent of 400 items.
LabelledData rare_attributes() {
    const Rng rng{.seed = 6};
    std::vector<std::vector<float>> rows;
    for (uint64_t i = 0; i < 400; ++i) {
        rows.emplace_back();
        for (const auto& [k, percent] : {std::pair(0, 5u), {1, 30u}, {2, 60u}})
            rows.back().push_back(rng.below(3 * i + k, 100) < percent);
    }
    return {LabelKind::multi_label, rows};
}

constexpr int kBatch = 50;

/// How often each position is drawn in `batches` batches.
std::vector<int64_t> counts(const BalancedDraw& draw, size_t positions, uint32_t batches) {
    std::vector<int64_t> result(positions);
    for (uint32_t iteration = 0; iteration < batches; ++iteration)
        for (int slot = 0; slot < kBatch; ++slot) {
            const int64_t position = draw.position(17, iteration, slot);
            REQUIRE((position >= 0 && position < int64_t(positions)));
            ++result[size_t(position)];
        }
    return result;
}

/// Pearson's statistic in standard deviations from its mean, by its normal approximation.
double chi_square_score(const std::vector<int64_t>& seen, std::vector<double> weights) {
    const double all = double(std::accumulate(seen.begin(), seen.end(), int64_t{0}));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    double statistic = 0;
    for (size_t i = 0; i < seen.size(); ++i) {
        const double expected = all * weights[i] / sum;
        statistic += (double(seen[i]) - expected) * (double(seen[i]) - expected) / expected;
    }
    const double freedom = double(seen.size()) - 1;
    return (statistic - freedom) / std::sqrt(2 * freedom);
}

/// The weights as data/balance.h has them, found by counting for every item anew.
std::vector<double> weights_of(const LabelledData& data, const std::vector<int64_t>& items) {
    const auto share = [&](int64_t item, int k) {
        return 1.0 / double(std::count_if(items.begin(), items.end(), [&](int64_t other) {
                   return data.label(other, k) == data.label(item, k);
               }));
    };
    std::vector<double> weights;
    const int dim = data.label_group().dim();
    for (const int64_t item : items) {
        double weight = 0;
        for (int k = 0; k < dim; ++k)
            if (data.label_group().kind == LabelKind::multi_label)
                weight += share(item, k) / dim;
            else if (data.label(item, k) == 1)
                weight = share(item, k);
        weights.push_back(weight);
    }
    return weights;
}

LoaderOptions options_for(bool balance) {
    LoaderOptions options;
    options.batch = kBatch;
    options.size = {2, 2};
    options.seed = 17;
    options.balance = balance;
    return options;
}

}  // namespace

TEST_CASE("every item is drawn in proportion to its weight", "[balance]") {
    for (const LabelledData& data : {rare_classes(), rare_attributes()}) {
        std::vector<int64_t> items = all_items(data);
        for (const int64_t left_out : {0, 7}) {  // what is not among the items does not count
            items.erase(items.begin(), items.begin() + left_out);
            const auto seen = counts(BalancedDraw(data, items), items.size(), 4000);
            const double score = chi_square_score(seen, weights_of(data, items));
            INFO(data.label_group().dim() << " labels, " << items.size() << " items");
            CHECK(std::abs(score) < 5);
            // The test can tell: it is far off for equal weights.
            CHECK(chi_square_score(seen, std::vector<double>(items.size(), 1.0)) > 100);
        }
    }
}

TEST_CASE("one-hot classes become equally frequent", "[balance]") {
    const LabelledData data = rare_classes();
    const auto items = all_items(data);
    const auto seen = counts(BalancedDraw(data, items), items.size(), 4000);
    std::vector<int64_t> of_class(4);
    for (size_t i = 0; i < items.size(); ++i)
        for (int k = 0; k < 4; ++k) of_class[k] += data.label(items[i], k) == 1 ? seen[i] : 0;
    CHECK(std::abs(chi_square_score(of_class, {1, 1, 1, 1})) < 5);
}

TEST_CASE("the values of independent attributes come closer to equal by a K-th", "[balance]") {
    const LabelledData data = rare_attributes();
    const auto items = all_items(data);
    const auto seen = counts(BalancedDraw(data, items), items.size(), 4000);
    const double all = 4000.0 * kBatch;
    for (int k = 0; k < 3; ++k) {
        double before = 0, after = 0;
        for (size_t i = 0; i < items.size(); ++i) {
            before += data.label(items[i], k) / double(items.size());
            after += data.label(items[i], k) * double(seen[i]) / all;
        }
        INFO("label " << k << ": " << before << " -> " << after);
        CHECK(std::abs(after - 0.5) < std::abs(before - 0.5));
        CHECK(std::abs(after - (before + (0.5 - before) / 3)) < 0.05);  // nearly independent
    }
}

TEST_CASE("a draw depends on seed, iteration and slot alone", "[balance]") {
    const LabelledData data = rare_attributes();
    const auto items = all_items(data);
    const BalancedDraw one(data, items), other(data, items);
    std::map<std::vector<int64_t>, int> batches;
    for (const uint64_t seed : {0, 1})
        for (const uint32_t iteration : {0u, 1u, 4000000000u}) {
            std::vector<int64_t> batch;
            for (int slot = 0; slot < kBatch; ++slot) {
                batch.push_back(one.position(seed, iteration, slot));
                CHECK(batch.back() == other.position(seed, iteration, slot));
            }
            ++batches[batch];
        }
    CHECK(batches.size() == 6);
}

TEST_CASE("a balanced loader resumes exactly, on any number of threads", "[balance]") {
    const LabelledData data = rare_classes();
    const auto items = all_items(data);
    const auto take = [&](int threads, int prefetch, int count, int64_t first) {
        LoaderOptions options = options_for(true);
        options.threads = threads;
        options.prefetch = prefetch;
        Loader loader(data, items, options, first);
        std::vector<std::vector<int64_t>> batches;
        for (int i = 0; i < count; ++i) {
            const Batch batch = loader.next();
            REQUIRE(batch.iteration == first + i);
            for (size_t n = 0; n < batch.items.size(); ++n) {
                CHECK(batch.images[n * 12] == uint8_t(batch.items[n]));
                for (int k = 0; k < 4; ++k)
                    CHECK(batch.labels[n * 4 + k] == data.label(batch.items[n], k));
            }
            batches.push_back(batch.items);
        }
        return batches;
    };
    const auto whole = take(1, 1, 30, 0);
    CHECK(take(4, 3, 30, 0) == whole);
    for (const int first : {1, 4, 17})
        CHECK(take(2, 4, 30 - first, first) ==
              std::vector<std::vector<int64_t>>(whole.begin() + first, whole.end()));
    const BalancedDraw draw(data, items);
    for (int i = 0; i < 30; ++i)
        for (int slot = 0; slot < kBatch; ++slot)
            CHECK(whole[i][slot] == items[draw.position(17, uint32_t(i), slot)]);
    expect_error([&] { take(1, 1, 1, int64_t{1} << 32); }, {"loader", "lies beyond"});
}

TEST_CASE("one-hot items without a class cannot be balanced", "[balance]") {
    const LabelledData data(LabelKind::one_hot, {{0, 0}, {0, 0}});
    expect_error([&] { BalancedDraw(data, all_items(data)); }, {"balance", "none of 2 items", "g"});
    const LabelledData some(LabelKind::one_hot, {{0, 0}, {0, 1}, {0, 0}, {1, 0}, {0, 0}});
    const auto seen = counts(BalancedDraw(some, all_items(some)), 5, 40);
    CHECK((seen[0] == 0 && seen[2] == 0 && seen[4] == 0));
    CHECK((seen[1] > 800 && seen[3] > 800));
}
