#pragma once

#include "model/generator_pass.h"
#include "model/reference_step.h"

namespace sg {

// The training step as a schedule: what reference_step.h computes, without the work that automatic
// differentiation cannot see is unnecessary (docs/fast_step.md derives it). Results and errors are
// the same; tests hold the two equal.

/// D's step. D's passes over the real images, the fakes and x_hat are one batch; the penalty's
/// gradient comes in closed form (D is piecewise linear), its tangents replacing x_hat's
/// activations, so that one wgrad per layer does it all. The fake is the batch's own if it has one;
/// G does not learn here.
DiscriminatorStep fused_d_step(const StarGan& model, const LossConfig& loss,
                               const TrainingBatch& batch);

/// Gives batches of one shape their fakes, for D steps between which G stands still: all by one
/// pass of G, but on the CPU, where that saves no time and takes memory.
void generate_fakes(const Generator& G, std::span<TrainingBatch> batches);

/// G's step. `to_target`, if given, is the pass G(x_real, c_trg) of this batch: that of the D step
/// before, since which G has not changed.
GeneratorStep fused_g_step(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
                           GeneratorPass to_target);
GeneratorStep fused_g_step(const StarGan& model, const LossConfig& loss,
                           const TrainingBatch& batch);

/// Which of the two a training takes.
enum class StepKind { reference, fused };
StepKind step_kind_from_string(const std::string& text);
const char* to_string(StepKind kind);
/// How the parameters are kept that it trains: the fused step does not differentiate by them.
inline Masters masters_for(StepKind kind) {
    return kind == StepKind::fused ? Masters::split : Masters::whole;
}

/// A batch's turn: D's step and, where it is G's turn too, G's. done(step) is called with each and
/// updates the model, so that G meets the D of after its step. A step's gradients are gone
/// before the next step begins. The fused steps of a turn share one fake: G stands still while D
/// learns.
template <class Done>
void training_turn(const StarGan& model, const LossConfig& loss, const TrainingBatch& batch,
                   StepKind kind, bool g_turn, const Done& done) {
    if (kind == StepKind::reference) {
        done(reference_d_step(model, loss, batch));
        if (g_turn) done(reference_g_step(model, loss, batch));
        return;
    }
    if (!g_turn) return done(fused_d_step(model, loss, batch));
    GeneratorPass to_target(model.G, batch.x_real, batch.c_trg);
    TrainingBatch with_fake = batch;
    with_fake.x_fake = to_target.output();
    done(fused_d_step(model, loss, with_fake));
    done(fused_g_step(model, loss, batch, std::move(to_target)));
}

}  // namespace sg
