#pragma once

#include "train/synth/face.h"

namespace sg::synth {

/// What an expression does to the features. Lengths in head units unless said otherwise; pairs are
/// picture left, picture right; "up" is towards the crown.
struct ExpressionShape {
    float brow_raise[2] = {0, 0};
    float brow_slant = 0;      ///< > 0: the inner ends go up (sad), < 0: down (angry)
    float upper_lid = 1;       ///< opening above the eye's axis, relative to neutral
    float lower_lid = 1;       ///< opening below it
    float lid_slant = 0;       ///< > 0: the upper lid drops outwards (sad), < 0: inwards (angry)
    float mouth_width = 1;     ///< relative to neutral
    float corner[2] = {0, 0};  ///< how far the mouth's corners go up
    float open_up = 0;         ///< opening above the mouth's axis
    float open_down = 0;       ///< opening below it
    float teeth = 0;           ///< share of the opening that the upper teeth fill
    float tongue = 0;          ///< share of the opening that the tongue fills
    float round = 0;           ///< 0: corners pointed, 1: elliptic opening
    bool clenched = false;     ///< a dark line between upper and lower teeth
    float wrinkle = 0;         ///< strength of the lines beside the nose, 0..1
    float dimple[2] = {0, 0};  ///< strength of the crease beside a corner, 0..1
};

ExpressionShape shape_of(Expression expression);

}  // namespace sg::synth
