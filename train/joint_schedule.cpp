#include "train/joint_schedule.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg {

JointSchedule::JointSchedule(int sets, const std::string& counting, int n_critic)
    : sets_(sets), n_critic_(n_critic), all_(counting == "all") {
    require(sets >= 1 && n_critic >= 1, "schedule",
            "{} data sets and {} D steps per G step must be positive", sets, n_critic);
    require(all_ || counting == "one", "schedule", "'{}' is unknown, expected all or one",
            counting);
}

std::vector<JointSchedule::Step> JointSchedule::steps(int64_t iteration) const {
    const auto step = [&](int set, int64_t batch) {
        return Step{.set = set, .batch = batch, .g_step = (batch + 1) % n_critic_ == 0};
    };
    if (!all_) return {step(int(iteration % sets_), iteration / sets_)};
    std::vector<Step> steps;
    for (int set = 0; set < sets_; ++set) steps.push_back(step(set, iteration));
    return steps;
}

JointSchedule::Batches JointSchedule::together(int64_t batch) const {
    const int64_t step = batch % n_critic_, before_last = n_critic_ - 1;
    if (step == before_last) return {.first = batch, .count = 1};
    const int64_t begin = step / most_together * most_together;
    return {.first = batch - step + begin,
            .count = int(std::min<int64_t>(most_together, before_last - begin))};
}

int64_t JointSchedule::batches_before(int set, int64_t iteration) const {
    return all_ ? iteration : (iteration + sets_ - 1 - set) / sets_;
}

}  // namespace sg
