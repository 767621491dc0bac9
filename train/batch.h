#pragma once

#include "model/reference_step.h"
#include "train/data/loader.h"

namespace sg {

/// Turns a loaded batch into the tensors of a training step: labels unified, targets a permutation
/// of the batch's own labels (paper, section 3.1), alpha uniform. Random numbers are functions of
/// (seed, iteration).
TrainingBatch make_training_batch(Device& device, const Batch& batch, ImageSize size,
                                  const LabelLayout& labels, int group, uint64_t seed);

/// Full label vectors [count, label_dim] from a group's own [count, dim].
Tensor unified_labels(Device& device, const LabelLayout& labels, int group,
                      std::span<const float> own);

/// G's output for `images` [N,H,W,3] and `labels` [N, label_dim], without recording, in slices of
/// `slice` images so that memory stays that of a training step.
Tensor translate(const Generator& G, const Tensor& images, const Tensor& labels, int slice = 16);

}  // namespace sg
