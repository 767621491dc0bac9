#include "train/joint_schedule.h"

#include <array>
#include <map>
#include <set>

#include "tests/support.h"
#include "tests/tiny_run.h"
#include "train/training_data.h"

// Which data set teaches when, and which batches come together.

using namespace sg;
using namespace sg::testing;

TEST_CASE("the official counting steps on every data set in every iteration", "[joint]") {
    // Written out from the official solver: for i, for data set: D; if (i + 1) % n_critic == 0: G.
    for (const int sets : {1, 2, 3})
        for (const int n_critic : {1, 2, 5}) {
            const JointSchedule schedule(sets, "all", n_critic);
            for (int64_t i = 0; i < 20; ++i) {
                const auto steps = schedule.steps(i);
                REQUIRE(int(steps.size()) == sets);
                for (int s = 0; s < sets; ++s)
                    CHECK(steps[s] == JointSchedule::Step{s, i, (i + 1) % n_critic == 0});
                CHECK(schedule.batches_before(sets - 1, i) == i);
            }
        }
}

TEST_CASE("counting single steps changes the number of iterations, not their order", "[joint]") {
    for (const int sets : {1, 2, 3})
        for (const int n_critic : {1, 2, 5}) {
            const JointSchedule all(sets, "all", n_critic), one(sets, "one", n_critic);
            std::vector<JointSchedule::Step> wanted, got;
            for (int64_t i = 0; i < 30; ++i)
                for (const auto& step : all.steps(i)) wanted.push_back(step);
            std::map<int, int64_t> given;
            for (int64_t i = 0; i < 30 * sets; ++i) {
                for (int s = 0; s < sets; ++s) CHECK(one.batches_before(s, i) == given[s]);
                REQUIRE(one.steps(i).size() == 1);
                got.push_back(one.steps(i)[0]);
                ++given[got.back().set];
            }
            CHECK(got == wanted);
            CHECK(one.turn() == sets);
            CHECK(one.steps_per_iteration() == 1);
        }
    CHECK_THROWS_AS(JointSchedule(2, "some", 5), Error);
}

TEST_CASE("fakes are made together between two G steps, wherever a run begins", "[joint]") {
    using Batches = JointSchedule::Batches;
    const JointSchedule five(1, "one", 5), twelve(1, "one", 12);
    for (const int64_t block : {0, 7}) {
        for (int64_t step = 0; step < 4; ++step)
            CHECK(five.together(5 * block + step) == Batches{5 * block, 4});
        CHECK(five.together(5 * block + 4) == Batches{5 * block + 4, 1});
        for (int64_t step = 0; step < 11; ++step)
            CHECK(twelve.together(12 * block + step) ==
                  (step < 8 ? Batches{12 * block, 8} : Batches{12 * block + 8, 3}));
        CHECK(twelve.together(12 * block + 11) == Batches{12 * block + 11, 1});
        CHECK(JointSchedule(1, "one", 1).together(block) == Batches{block, 1});
    }
    // No G step of any data set lies between the D steps of such batches.
    for (const int sets : {1, 2, 3})
        for (const std::string counting : {"all", "one"})
            for (const int n_critic : {1, 2, 5, 12}) {
                const JointSchedule schedule(sets, counting, n_critic);
                int64_t g_steps = 0;
                std::map<std::pair<int, int64_t>, std::set<int64_t>> seen;
                for (int64_t i = 0; i < 100; ++i)
                    for (const auto& step : schedule.steps(i)) {
                        const Batches together = schedule.together(step.batch);
                        CHECK((step.batch >= together.first &&
                               step.batch < together.first + together.count));
                        CHECK((!step.g_step || together.count == 1));
                        seen[{step.set, together.first}].insert(g_steps);
                        g_steps += step.g_step;
                    }
                for (const auto& [batches, between] : seen) CHECK(between.size() == 1);
            }
}

TEST_CASE("data come in whole groups of batches, wherever a run begins", "[joint]") {
    TrainConfig config = tiny_run();
    config.data = {"synth:attributes", "synth:expressions,name=moods"};
    config.joint_iteration = "one";
    config.n_critic = 11;
    const auto device = Device::cpu(1);
    const JointSchedule schedule(2, "one", config.n_critic);
    // The pixels of the batches that come with every step, from iteration `start` on.
    struct Fetched {
        std::vector<std::vector<double>> group;
        std::vector<double> own;
        bool operator==(const Fetched&) const = default;
    };
    const auto fetch_from = [&](int64_t start) {
        TrainingData data(
            config, {}, [](const std::string&) {}, nullptr);
        data.start(*device, schedule, start);
        std::vector<Fetched> all;
        for (int64_t i = start; i < 50; ++i) {
            const auto step = schedule.steps(i)[0];
            Fetched fetched;
            for (const TrainingBatch& batch : data.fetch(step)) {
                CHECK(batch.group == step.set);
                fetched.group.push_back(batch.x_real.to_host());
            }
            CHECK(data.fetch(step).empty());
            const TrainingBatch batch = data.take(step);
            fetched.own = batch.x_real.to_host();
            all.push_back(fetched);
        }
        return all;
    };
    const auto straight = fetch_from(0);
    CHECK(straight[0].group.size() == 8);
    CHECK(straight[0].own == straight[0].group[0]);
    CHECK(straight[2].group.empty());
    CHECK(straight[2].own == straight[0].group[1]);
    for (const int64_t start : {1, 5, 17, 20, 22}) {
        const auto resumed = fetch_from(start);
        for (size_t i = 0; i < resumed.size(); ++i) {
            CHECK(resumed[i].own == straight[i + size_t(start)].own);
            if (i > 1) CHECK(resumed[i].group == straight[i + size_t(start)].group);
        }
        // The group that the first step belongs to comes whole.
        const auto step = schedule.steps(start)[0];
        const auto [first, count] = schedule.together(step.batch);
        CHECK(resumed[0].group == straight[size_t(2 * first + step.set)].group);
        CHECK(int(resumed[0].group.size()) == count);
    }
}
