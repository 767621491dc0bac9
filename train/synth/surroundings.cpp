#include "train/synth/scene.h"

namespace sg::synth {
namespace {

constexpr float kShoulderY = 1.28f;  // top of the shoulders at the neck

float torso(Vec2 p) {
    return smooth_max(ellipse(p - Vec2{0, 2.75f}, {1.75f, 1.5f}), kShoulderY - p.y, 0.2f);
}

/// How much of the garment's trim colour shows at p, 0..1.
float trim_cover(Garment garment, Vec2 p, float px) {
    const float collar = ellipse(p - Vec2{0, 1.2f}, {0.46f, 0.30f});
    switch (garment) {
        case Garment::crew_neck:
            return cover(collar - 0.07f, px);
        case Garment::v_neck: {
            const float v = (std::abs(p.x) * 1.1f + (p.y - 1.85f)) / 1.49f;
            return cover_stroke(v, 0.05f, px);
        }
        case Garment::stripes: {
            const float phase = p.y * 4.5f;
            const float distance = std::abs(phase - std::round(phase)) / 4.5f;
            return cover(distance - 0.05f, px);
        }
        case Garment::collar:
            break;
    }
    const float flap = std::max(std::abs(std::abs(p.x) - 0.33f) - 0.2f,
                                std::abs(p.y - 1.42f - 0.35f * (0.4f - std::abs(p.x))) - 0.12f);
    return cover(flap, px);
}

}  // namespace

void draw_backdrop(Scene& scene) {
    const Look& look = scene.look;
    const ImageSize size = scene.canvas.size();
    const float w = float(size.width), h = float(size.height);
    const Frame view{{0.5f * w, 0.5f * h}, 1, 0, 0.5f * std::min(w, h)};
    const Vec2 half = Vec2{w, h} * (0.5f / view.scale);
    const Vec2 slope = Vec2{std::cos(look.backdrop_angle), std::sin(look.backdrop_angle)};
    scene.canvas.draw(view, around({0, 0}, half.x, half.y), [&](Vec2 p) {
        Rgb colour = mix(look.backdrop[0], look.backdrop[1], soft(dot(p, slope), 1.2f));
        for (const Blob& blob : look.blobs) {
            const float falloff = soft(length(p - blob.centre) - blob.radius, 0.35f);
            colour = mix(colour, blob.colour, 0.55f * falloff);
        }
        return Paint{colour, 1};
    });
}

void draw_body(Scene& scene) {
    const float px = scene.body.scale;
    const Look& look = scene.look;
    scene.canvas.draw(scene.body, {{-2, kShoulderY - 0.2f}, {2, 6}}, [&](Vec2 p) {
        const float light = 0.92f + 0.16f * (p.x * look.light.x - 0.5f * (p.y - 1.6f));
        const Rgb cloth = mix(look.cloth, look.trim, trim_cover(look.garment, p, px));
        return Paint{cloth * light, cover(torso(p), px)};
    });
}

void draw_neck(Scene& scene) {
    const float px = scene.body.scale;
    const Look& look = scene.look;
    const float half = 0.62f * look.jaw_width;
    const float chin = 1.0f + look.jaw_drop;
    scene.canvas.draw(scene.body, around({0, 1.05f}, 0.6f, 0.75f), [&](Vec2 p) {
        const float column = rounded_box(p - Vec2{0, 0.9f}, {half, 0.5f}, 0.1f);
        const float scoop = ellipse(p - Vec2{0, 1.24f}, {half + 0.1f, 0.28f});
        // The chin's shadow falls on the neck, away from the light.
        const float shadow = soft(p.y - chin - 0.12f, 0.16f);
        const Rgb colour = lit_skin(scene, {p.x, 0.55f}) * (0.93f - 0.18f * shadow);
        return Paint{colour, cover(smooth_min(column, scoop, 0.15f), px)};
    });
}

}  // namespace sg::synth
