#pragma once

#include "engine/upload_queue.h"
#include "model/reference_step.h"
#include "train/data/loader.h"
#include "train/resident.h"

namespace sg {

/// Turns loaded batches into the tensors of training steps: bytes scaled and mirrored on the
/// device, labels unified, targets a permutation of the batch's own labels (paper, section 3.1),
/// alpha uniform. Random numbers are functions of (seed, iteration).
class BatchUploader {
  public:
    /// For batches of `count` images with labels of one group. With `resident`, images are picked
    /// there by the batch's items, which gives the same tensors; without, the batch has their
    /// pixels. `labels` and `resident` must outlive this.
    BatchUploader(Device& device, int64_t count, ImageSize size, const LabelLayout& labels,
                  int group, uint64_t seed, const ResidentImages* resident = nullptr);
    /// Everything crosses in one upload; the device may still be busy with it afterwards.
    TrainingBatch upload(const Batch& batch);

  private:
    void check(const Batch& batch) const;
    void pack(const Batch& batch, std::span<std::byte> to) const;
    Tensor images(const std::byte* uploaded);

    Device& device_;
    const LabelLayout& labels_;
    int group_;
    uint64_t seed_;
    const ResidentImages* resident_;
    Shape shape_;  // of the images
    // An upload: floats (c_org, c_trg, alpha, each on a cache line), then the images' pixels, or
    // their int64 items if they are resident, then flips.
    int64_t label_floats_, floats_;
    size_t image_bytes_;  // of pixels or items
    UploadQueue queue_;
};

/// Full label vectors [count, label_dim] from a group's own [count, dim].
Tensor unified_labels(Device& device, const LabelLayout& labels, int group,
                      std::span<const float> own);

/// G's output for `images` [N,H,W,3] and `labels` [N, label_dim], without recording, in slices of
/// `slice` images so that memory stays that of a training step.
Tensor translate(const Generator& G, const Tensor& images, const Tensor& labels, int slice = 16);

}  // namespace sg
