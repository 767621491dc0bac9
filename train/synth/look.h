#pragma once

#include <array>
#include <cstdint>

#include "train/synth/canvas.h"
#include "train/synth/face.h"

namespace sg::synth {

enum class HairStyle { crop, side_part, straight, wavy, bob, curly, bun, twin_tails };
inline constexpr int kHairStyles = 8;

enum class Garment { crew_neck, v_neck, stripes, collar };
inline constexpr int kGarments = 4;

/// Soft disc of the background; position and radius in units of half the shorter side.
struct Blob {
    Vec2 centre;
    float radius = 1;
    Rgb colour;
};

/// All that an identity fixes. Lengths are in head units: crown at y = -1, chin near y = +1.
struct Look {
    // Pose: shift in head units, tilt and yaw in radians, size relative to the usual.
    Vec2 shift;
    float tilt, yaw, size;
    // Head.
    float head_width, jaw_width, jaw_drop, ear;
    Vec2 light;  ///< direction towards the light in the picture plane, length below 1
    Rgb skin;
    float blush;
    // Features.
    float eye_spacing, eye_size, eye_height;
    Rgb iris;
    float brow_thickness, brow_arch, brow_length;
    float nose_width, nose_length;
    float lip_fullness, mouth_width, mouth_height;
    Rgb lips;
    // Hair; `part` is the x of the parting.
    HairStyle style;
    float volume, part;
    // Surroundings.
    Garment garment;
    Rgb cloth, trim;
    std::array<Rgb, 2> backdrop;
    float backdrop_angle;
    std::array<Blob, 3> blobs;
};

/// The look of an identity: a pure function (Philox, RngPurpose::synth_identity).
Look make_look(uint64_t identity);

/// Deterministic, invertible change of a visible skin tone: much lighter, cooler, less saturated.
Rgb pale(Rgb skin);

/// One shade per hair colour: what light adds to or takes from `base` is `gain` times the shading.
struct HairTone {
    Rgb base, gain, brow;
};
HairTone hair_tone(Hair hair);

}  // namespace sg::synth
