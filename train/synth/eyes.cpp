#include "train/synth/scene.h"

namespace sg::synth {
namespace {

constexpr Rgb kWhite{0.97f, 0.97f, 0.96f};
constexpr Rgb kPupil{0.05f, 0.04f, 0.05f};
constexpr Rgb kLid{0.16f, 0.09f, 0.08f};
constexpr float kEyeHalf = 0.19f;  // half width of an eye
constexpr float kOpenUp = 0.105f;  // neutral opening above and below the axis
constexpr float kOpenDown = 0.08f;
constexpr float kIris = 0.095f;
constexpr float kLidHalf = 0.026f;

constexpr Rgb kFrame{0.07f, 0.06f, 0.08f};
constexpr Rgb kLens{0.10f, 0.12f, 0.18f};  // smoked: the eyes stay visible behind it
constexpr float kFrameHalf = 0.06f;        // half the rim's thickness: about 2 pixels at 64 x 64
constexpr Vec2 kLensHalf{0.285f, 0.25f};
constexpr float kLensY = 0.01f;  // lens centre below the eye's

/// x away from the nose in half eye widths, y below the eye's axis.
struct Lids {
    const ExpressionShape& shape;
    float size;

    float upper(float x) const {
        const float slant = shape.lid_slant * x * size;
        return -kOpenUp * size * shape.upper_lid * std::max(1 - x * x, 0.0f) + slant;
    }
    float lower(float x) const {
        const float edge = kOpenDown * size * shape.lower_lid * std::max(1 - x * x, 0.0f);
        return std::max(edge, upper(x));
    }
};

Rgb eyeball(const Look& look, Vec2 p, Vec2 centre, float px) {
    const Vec2 q = p - centre;
    const float r = length(q), iris = kIris * look.eye_size;
    Rgb colour = mix(kWhite, look.iris * 0.55f, cover(r - iris, px));
    colour = mix(colour, look.iris, cover(r - 0.8f * iris, px));
    colour = mix(colour, kPupil, cover(r - 0.5f * iris, px));
    const Vec2 glint{(look.light.x > 0 ? 0.35f : -0.35f) * iris, -0.35f * iris};
    return mix(colour, {1, 1, 1}, cover(length(q - glint) - 0.22f * iris, px));
}

void draw_eye(Scene& scene, int side) {
    const Look& look = scene.look;
    const float px = scene.head.scale;
    const float outward = side == 0 ? -1.0f : 1.0f;
    const Vec2 centre = eye_centre(look, side);
    const float half = kEyeHalf * look.eye_size * turned(look, outward * look.eye_spacing).width;
    const Lids lids{scene.expression, look.eye_size};
    // The iris turns with the head, and a little rest of white stays below raised lids.
    const Vec2 gaze = centre + Vec2{0.1f * look.yaw, -0.005f};
    scene.canvas.draw(scene.head, around(centre, half + 0.1f, 0.25f), [&](Vec2 p) {
        const float x = outward * (p.x - centre.x) / half, y = p.y - centre.y;
        const float xc = std::clamp(x, -1.0f, 1.0f);
        const float end = cover((std::abs(x) - 1) * half, px);
        const float top = lids.upper(xc), bottom = lids.lower(xc);
        const float step = (lids.upper(xc + 0.05f) - lids.upper(xc - 0.05f)) / (0.1f * half);
        const float across = px / std::hypot(1.0f, step);
        const float open = end * cover_band(y, top, bottom, across);
        const Rgb ball = eyeball(look, p, gaze, px) * (0.9f + 0.1f * soft(top + 0.04f - y, 0.05f));
        const float lash = cover_stroke(y - top + 0.5f * kLidHalf, kLidHalf, across) *
                           cover((std::abs(x) - 1.1f) * half, px);
        const float below = 0.35f * end * cover_stroke(y - bottom, 0.5f * kLidHalf, across);
        const float line = std::max(lash, below);
        const float alpha = std::max(open, line);
        return Paint{alpha > 0 ? mix(ball, kLid, line / alpha) : ball, alpha};
    });
}

void draw_brow(Scene& scene, int side) {
    const Look& look = scene.look;
    const ExpressionShape& shape = scene.expression;
    const float px = scene.head.scale;
    const float outward = side == 0 ? -1.0f : 1.0f;
    const Placement place = turned(look, outward * look.eye_spacing);
    const Vec2 centre{place.x, look.eye_height - 0.27f - shape.brow_raise[side]};
    const float half = look.brow_length * place.width;
    const auto middle = [&](float x) {
        return 0.5f * shape.brow_slant * x + look.brow_arch * (x * x - 0.4f);
    };
    scene.canvas.draw(scene.head, around(centre, half + 0.1f, 0.3f), [&](Vec2 p) {
        const float x = outward * (p.x - centre.x) / half;
        const float xc = std::clamp(x, -1.0f, 1.0f);
        const float slope = (0.5f * shape.brow_slant + 2 * look.brow_arch * xc) / half;
        const float thick = look.brow_thickness * (xc > 0 ? 1 - 0.6f * xc * xc : 1.0f);
        const float d = p.y - centre.y - middle(xc);
        const float end = cover((std::abs(x) - 1) * half, px);
        return Paint{scene.hair.brow,
                     0.95f * end * cover_stroke(d, thick, px / std::hypot(1.0f, slope))};
    });
}

}  // namespace

void draw_eyes(Scene& scene) {
    for (int side = 0; side < 2; ++side) draw_eye(scene, side);
}

void draw_brows(Scene& scene) {
    for (int side = 0; side < 2; ++side) draw_brow(scene, side);
}

void draw_eyeglasses(Scene& scene) {
    const Look& look = scene.look;
    const float px = scene.head.scale;
    const Vec2 centre[2] = {eye_centre(look, 0) + Vec2{0, kLensY},
                            eye_centre(look, 1) + Vec2{0, kLensY}};
    const float spacing = look.eye_spacing;
    const Vec2 half[2] = {{kLensHalf.x * turned(look, -spacing).width, kLensHalf.y},
                          {kLensHalf.x * turned(look, spacing).width, kLensHalf.y}};
    const float y = centre[0].y;
    scene.canvas.draw(scene.head, around({0, y}, 1.05f, 0.4f), [&](Vec2 p) {
        float rim = 1e3f;
        float lens = 1e3f, glare = 1e3f;
        for (int side = 0; side < 2; ++side) {
            const Vec2 q = p - centre[side];
            const float d = rounded_box(q, half[side], 0.15f);
            rim = std::min(rim, std::abs(d));
            lens = std::min(lens, d);
            glare = std::min(glare, std::abs(q.x + 0.6f * q.y + 0.12f) / 1.17f);
        }
        const float bridge =
            segment(p, {centre[0].x + half[0].x, y - 0.05f}, {centre[1].x - half[1].x, y - 0.05f});
        // The arms run to the ears and end with the face.
        const float left =
            segment(p, {centre[0].x - half[0].x, y - 0.06f}, {-look.head_width, y - 0.02f});
        const float right =
            segment(p, {centre[1].x + half[1].x, y - 0.06f}, {look.head_width, y - 0.02f});
        const float wire = std::min({bridge, left, right});
        float frame =
            std::max(cover_stroke(rim, kFrameHalf, px), cover_stroke(wire, 0.75f * kFrameHalf, px));
        const float glass = cover(lens, px) * (0.55f - 0.2f * soft(glare - 0.03f, 0.03f));
        const float alpha = frame + glass * (1 - frame);
        return Paint{alpha > 0 ? mix(kLens, kFrame, frame / alpha) : kFrame, alpha};
    });
}

}  // namespace sg::synth
