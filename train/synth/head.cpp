#include "train/synth/scene.h"

namespace sg::synth {
namespace {

constexpr float kTurnRadius = 0.95f;  // of the ball that features sit on
constexpr float kNoseReach = 1.25f;   // the nose stands out of that ball

}  // namespace

Placement turned(const Look& look, float x) {
    const float angle = std::asin(x / kTurnRadius);
    return {kTurnRadius * std::sin(angle + look.yaw), std::cos(angle + look.yaw) / std::cos(angle)};
}

Vec2 eye_centre(const Look& look, int side) {
    return {turned(look, side == 0 ? -look.eye_spacing : look.eye_spacing).x, look.eye_height};
}

float face_outline(const Look& look, Vec2 p) {
    const float skull = ellipse(p - Vec2{0, -0.2f}, {look.head_width, 0.8f});
    const float jaw_x = 0.35f * look.yaw;
    const float jaw = ellipse(p - Vec2{jaw_x, 0.36f + look.jaw_drop}, {look.jaw_width, 0.64f});
    return smooth_min(skull, jaw, 0.35f);
}

Rgb lit_skin(const Scene& scene, Vec2 p) {
    const Vec2 normal{p.x / 0.85f, p.y / 1.1f};
    const float rim = std::min(dot(normal, normal), 1.0f);
    return scene.skin * (0.99f + 0.13f * dot(normal, scene.look.light) - 0.07f * rim);
}

void draw_head(Scene& scene) {
    const Look& look = scene.look;
    const float px = scene.head.scale;
    for (const float side : {-1.0f, 1.0f}) {
        // The ear on the far side hides behind a turned head.
        const Vec2 ear{side * (look.head_width + 0.02f) - 0.25f * look.yaw, look.eye_height + 0.1f};
        scene.canvas.draw(scene.head, around(ear, 0.25f, 0.3f), [&](Vec2 p) {
            const Vec2 q = p - ear;
            const float d = ellipse(q, Vec2{0.11f, 0.19f} * look.ear);
            const float hollow = soft(ellipse(q, Vec2{0.05f, 0.11f} * look.ear), 0.05f);
            return Paint{lit_skin(scene, p) * (0.95f - 0.2f * hollow), cover(d, px)};
        });
    }
    const float cheek_y = 0.44f;
    const float left = turned(look, -0.42f).x, right = turned(look, 0.42f).x;
    scene.canvas.draw(scene.head, around({0, 0}, 1, 1.15f), [&](Vec2 p) {
        const float d = face_outline(look, p);
        if (d * px > 1) return Paint{};
        const float near =
            std::min(length(p - Vec2{left, cheek_y}), length(p - Vec2{right, cheek_y}));
        const Rgb base = lit_skin(scene, p);
        const Rgb colour =
            mix(base, base + Rgb{0.07f, -0.08f, -0.05f}, look.blush * soft(near - 0.12f, 0.16f));
        return Paint{colour, cover(d, px)};
    });
}

void draw_nose(Scene& scene) {
    const Look& look = scene.look;
    const float px = scene.head.scale;
    const float top = look.eye_height + 0.04f, base = top + look.nose_length;
    const float root_x = turned(look, 0).x, tip_x = kNoseReach * root_x;
    const float shade_side = look.light.x > 0 ? -1.0f : 1.0f;
    const float wrinkle = scene.expression.wrinkle;
    scene.canvas.draw(scene.head, around({tip_x, top + 0.2f}, 0.4f, 0.45f), [&](Vec2 p) {
        const float t = std::clamp((p.y - top) / (base - top), 0.0f, 1.0f);
        const float axis = root_x + (tip_x - root_x) * t;
        const float wing = 0.05f + (look.nose_width - 0.05f) * t * t;
        // Shaded flank, underside of the tip, nostrils; expression lines beside the nose.
        const bool beside = p.y > top && p.y < base;
        float dark =
            beside ? 0.5f * soft(std::abs(p.x - axis - shade_side * wing) - 0.01f, 0.035f) : 0;
        const Vec2 q = p - Vec2{tip_x, base};
        dark = std::max(dark, 0.6f * soft(ellipse(q, {look.nose_width, 0.045f}), 0.03f));
        const Vec2 nostril{std::abs(q.x) - 0.55f * look.nose_width, q.y};
        dark = std::max(dark, cover(ellipse(nostril, {0.035f, 0.022f}), px));
        const Vec2 fold{std::abs(p.x - axis), p.y};
        const float crease = segment(fold, {look.nose_width + 0.05f, base - 0.06f},
                                     {look.nose_width + 0.15f, base + 0.13f});
        dark = std::max(dark, 0.75f * wrinkle * cover_stroke(crease, 0.022f, px));
        const float bridge = segment(fold, {0.05f, top - 0.02f}, {0.1f, top - 0.1f});
        dark = std::max(dark, 0.7f * wrinkle * cover_stroke(bridge, 0.02f, px));
        return Paint{lit_skin(scene, p) * 0.62f, 0.75f * dark};
    });
}

}  // namespace sg::synth
