#pragma once

#include <cstdint>
#include <span>

#include "train/data/dataset.h"

namespace sg::synth {

enum class Hair { black, blond, brown };

/// In the order of the label names of the expressions group.
enum class Expression { angry, contemptuous, disgusted, fearful, happy, neutral, sad, surprised };

inline constexpr int kHairColours = 3;
inline constexpr int kExpressions = 8;

/// What a label can change about a face; everything else is its identity.
struct Attributes {
    Hair hair = Hair::brown;
    bool eyeglasses = false;
    bool pale_skin = false;
    Expression expression = Expression::neutral;
    bool operator==(const Attributes&) const = default;
};

/// Smallest and largest side of a rendered picture, in pixels.
inline constexpr int kMinSide = 8;
inline constexpr int kMaxSide = 4096;

/// Draws a face: a pure function of its arguments, the same bytes on every call and thread.
/// `identity` fixes all that `attributes` does not name (head, pose, light, hair style, clothes,
/// background, grain). The picture scales with the shorter side; `rgb_hwc` holds
/// height * width * 3 bytes. Throws Error on a side outside [kMinSide, kMaxSide] or a wrong span.
void render(uint64_t identity, const Attributes& attributes, ImageSize size,
            std::span<uint8_t> rgb_hwc);

}  // namespace sg::synth
