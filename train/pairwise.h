#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/trainer.h"

namespace sg {

/// What StarGAN replaces (paper, figure 2a): k (k - 1) generators, each of which translates one
/// class into one other. Trained by the same engine, each as a StarGAN of two classes of which only
/// one direction is used; together they get the iterations that one StarGAN of all k gets.
struct PairwiseRun {
    int from, to;                  ///< classes
    TrainConfig config;            ///< on these two
    std::filesystem::path folder;  ///< RUN/pairs/FROM-to-TO
};

/// A configuration with one one-hot data set, with all its classes named (labels=A+B): then the
/// runs are known without the data, which this opens. Throws Error for other data, for classes
/// after which no folder can be named, and if the held-out images of all pairs could not be the
/// same: files need a split of their own (test/, test=), built-in faces have one.
TrainConfig name_classes(const TrainConfig& config);

/// The runs for a configuration whose k classes are named. num_iters, its decay, sample_step and
/// model_save_step are divided by k (k - 1).
std::vector<PairwiseRun> plan_pairwise(const TrainConfig& config, const std::filesystem::path& run);

/// Trains them one after the other. Finished ones are left alone and begun ones are resumed, so a
/// run that was stopped goes on with `resume`; one without a readable checkpoint starts anew.
/// Throws Error if settings on which the result depends have changed since: finished pairs would
/// not have them. The result counts the iterations of all.
TrainResult train_pairwise(Device& device, const TrainRequest& request,
                           const TrainObserver& observer);

}  // namespace sg
