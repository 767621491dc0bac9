#pragma once

#include "train/config.h"

namespace sg::testing {

/// A run of some seconds on built-in faces: it writes everything that a run writes and learns
/// nothing.
inline TrainConfig tiny_run() {
    TrainConfig c;
    c.image_size = "32";
    c.synth_count = 64;
    c.test_count = 8;
    c.samples = 2;
    c.batch_size = 4;
    c.g_conv_dim = c.d_conv_dim = 8;
    c.g_repeat_num = 1;
    c.d_repeat_num = 3;
    c.n_critic = 2;
    c.num_iters = 20;
    c.num_iters_decay = 10;
    c.log_step = 4;
    c.sample_step = c.model_save_step = 1000000;
    return c;
}

}  // namespace sg::testing
