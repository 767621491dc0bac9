#include "train/synth/expression.h"

#include <array>

namespace sg::synth {
namespace {

// In the order of Expression; what is left out is as in a neutral face.
constexpr std::array<ExpressionShape, kExpressions> kShapes{{
    // angry
    {.brow_raise = {-0.05f, -0.05f},
     .brow_slant = -0.16f,
     .upper_lid = 0.85f,
     .lower_lid = 0.8f,
     .lid_slant = -0.09f,
     .corner = {-0.06f, -0.06f},
     .open_up = 0.085f,
     .open_down = 0.085f,
     .teeth = 1,
     .round = 0.9f,
     .clenched = true,
     .wrinkle = 0.3f},
    // contemptuous
    {.brow_raise = {-0.03f, 0.11f},
     .upper_lid = 0.55f,
     .lower_lid = 0.8f,
     .corner = {-0.02f, 0.15f},
     .dimple = {0, 1}},
    // disgusted
    {.brow_raise = {-0.05f, -0.05f},
     .brow_slant = -0.07f,
     .upper_lid = 0.5f,
     .lower_lid = 0.4f,
     .corner = {-0.14f, -0.14f},
     .open_up = 0.02f,
     .open_down = 0.16f,
     .tongue = 0.75f,
     .round = 0.6f,
     .wrinkle = 1},
    // fearful
    {.brow_raise = {0.09f, 0.09f},
     .brow_slant = 0.14f,
     .upper_lid = 1.4f,
     .lower_lid = 1.25f,
     .mouth_width = 1.1f,
     .corner = {-0.1f, -0.1f},
     .open_up = 0.03f,
     .open_down = 0.16f,
     .teeth = 0.35f,
     .round = 0.5f},
    // happy
    {.brow_raise = {0.04f, 0.04f},
     .upper_lid = 0.95f,
     .lower_lid = 0.55f,
     .mouth_width = 1.15f,
     .corner = {0.12f, 0.12f},
     .open_up = 0,
     .open_down = 0.15f,
     .teeth = 0.55f,
     .dimple = {0.7f, 0.7f}},
    // neutral
    {.corner = {0.04f, 0.04f}},
    // sad
    {.brow_raise = {0.02f, 0.02f},
     .brow_slant = 0.15f,
     .upper_lid = 0.75f,
     .lower_lid = 0.9f,
     .lid_slant = 0.08f,
     .mouth_width = 0.85f,
     .corner = {-0.14f, -0.14f}},
    // surprised
    {.brow_raise = {0.14f, 0.14f},
     .upper_lid = 1.45f,
     .lower_lid = 1.3f,
     .mouth_width = 0.55f,
     .open_up = 0.12f,
     .open_down = 0.17f,
     .round = 1},
}};

}  // namespace

ExpressionShape shape_of(Expression expression) {
    return kShapes[size_t(expression)];
}

}  // namespace sg::synth
