#pragma once

#include "tests/tiny_run.h"

namespace sg::testing {

/// A pairwise run of seconds: six generators, of four iterations each.
inline TrainConfig three_moods() {
    TrainConfig c = tiny_run();
    c.data = {"synth:expressions,labels=happy+sad+neutral"};
    c.n_critic = 1;
    c.num_iters = 24;
    c.num_iters_decay = 12;
    c.log_step = 2;
    c.baseline = "pairwise";
    return c;
}

}  // namespace sg::testing
