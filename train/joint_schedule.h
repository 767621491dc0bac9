#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sg {

/// Which data set teaches when (paper, section 3.3; the official solver's train_multi). A D step
/// takes one batch of one data set; G learns from the same batch after every n_critic-th D step of
/// that data set, so each data set sees n_critic D steps per G step whatever the counting.
///   all: an iteration is a D step (and perhaps a G step) on every data set in turn, as in the
///        official code. n data sets then cost n times the time of one for the same num_iters.
///   one: an iteration is one D step; data sets take turns. The order of steps is the same.
/// With one data set both are the plain schedule.
class JointSchedule {
  public:
    struct Step {
        int set;        ///< data set
        int64_t batch;  ///< number of the batch among those of this data set, from 0
        bool g_step;    ///< whether G learns after D
        bool operator==(const Step&) const = default;
    };

    /// `counting` is "all" or "one" (TrainConfig::joint_iteration).
    JointSchedule(int sets, const std::string& counting, int n_critic);

    /// The steps of a 0-based iteration, in order.
    std::vector<Step> steps(int64_t iteration) const;
    int steps_per_iteration() const { return all_ ? sets_ : 1; }
    /// Iterations until every data set has had its turn.
    int turn() const { return all_ ? 1 : sets_; }
    /// How many batches a data set has given before an iteration.
    int64_t batches_before(int set, int64_t iteration) const;

    /// Batches of one data set, by number.
    struct Batches {
        int64_t first;
        int count;
        bool operator==(const Batches&) const = default;
    };
    /// The largest number of batches whose fakes are made by one pass of G: more would only take
    /// memory.
    static constexpr int most_together = 8;
    /// The batches whose fakes are made together with that of `batch`: those of the D steps between
    /// two G steps but the last one, which shares its fake with the G step. No G step, on whatever
    /// data set, comes between them. They do not depend on where a run was resumed.
    Batches together(int64_t batch) const;

  private:
    int sets_, n_critic_;
    bool all_;
};

}  // namespace sg
