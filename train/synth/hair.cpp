#include "train/synth/scene.h"

namespace sg::synth {
namespace {

constexpr float kTemple = 0.05f;  // y where short hair ends beside the ears

/// The edge of the face's window in the hair: skin shows where y > height + steep |x - part|^power.
struct Hairline {
    float height, steep, power;
    float part = 0;

    float distance(Vec2 p) const {
        const float u = std::max(std::abs(p.x - part), 1e-4f);
        const float reach = steep * std::pow(u, power);
        const float slope = power * reach / u;
        return (height + reach - p.y) / std::hypot(1.0f, slope);
    }
};

Hairline hairline(const Look& look) {
    const float turn = 0.55f * look.yaw;
    switch (look.style) {
        case HairStyle::crop:
            return {-0.50f, 1.0f, 4, turn};
        case HairStyle::side_part:
            return {-0.62f, 0.55f, 2, look.part + turn};
        case HairStyle::straight:
            return {-0.66f, 1.9f, 1.8f, turn};
        case HairStyle::wavy:
            return {-0.62f, 1.9f, 2.2f, look.part * 0.25f + turn};
        case HairStyle::bob:
            return {-0.40f, 9, 6, turn};
        case HairStyle::curly:
            return {-0.46f, 1.6f, 4, turn};
        case HairStyle::bun:
            return {-0.56f, 0.85f, 2, turn};
        case HairStyle::twin_tails:
            break;
    }
    return {-0.58f, 0.9f, 1.5f, turn};
}

/// Bumps along an outline around `centre`, `depth` high.
float scallops(Vec2 p, Vec2 centre, float count, float depth) {
    const float angle = std::atan2(p.y - centre.y, p.x - centre.x);
    return depth * std::abs(std::sin(count * angle));
}

/// Hair above and beside the face.
float front_shape(const Look& look, const Hairline& line, Vec2 p) {
    const float w = look.head_width, v = look.volume;
    const float cap = ellipse(p - Vec2{0, -0.22f}, {w + 0.4f * v + 0.03f, 0.82f + v});
    const auto until = [&](float y) { return smooth_max(cap, p.y - y, 0.12f); };
    float outer = 0;
    switch (look.style) {
        case HairStyle::crop:
        case HairStyle::side_part:
            outer = until(kTemple);
            break;
        case HairStyle::bun:
        case HairStyle::twin_tails:
            outer = until(-0.05f);
            break;
        case HairStyle::curly:
            outer = ellipse(p - Vec2{0, -0.3f}, {w + 0.12f + v, 0.84f + v});
            outer = std::max(outer, p.y - 0.28f) - scallops(p, {0, -0.2f}, 8, 0.07f);
            break;
        case HairStyle::bob: {
            const float sides = rounded_box(p - Vec2{0, 0.1f}, {w + 0.14f, 0.62f}, 0.2f);
            outer = smooth_min(cap, sides, 0.2f);
            break;
        }
        case HairStyle::straight:
        case HairStyle::wavy: {
            const float sway = look.style == HairStyle::wavy ? 0.045f * std::sin(7 * p.y) : 0.0f;
            const float sides = rounded_box(p - Vec2{0, 0.45f}, {w + 0.12f + sway, 1.0f}, 0.4f);
            outer = smooth_min(cap, sides, 0.2f);
            break;
        }
    }
    // Far outside the hairline does not matter, and its powers cost most.
    return outer > 0.2f ? outer : std::max(outer, -line.distance(p));
}

/// Hair behind the head; 1e3 where the style has none.
float back_shape(const Look& look, Vec2 p) {
    const float w = look.head_width;
    switch (look.style) {
        case HairStyle::straight:
            return rounded_box(p - Vec2{0, 0.6f}, {w + 0.13f, 1.0f}, 0.3f);
        case HairStyle::wavy: {
            const float sway = 0.05f * std::sin(7 * p.y);
            return rounded_box(p - Vec2{0, 0.45f}, {w + 0.17f + sway, 1.05f}, 0.4f);
        }
        case HairStyle::bob:
            return rounded_box(p - Vec2{0, 0.05f}, {w + 0.13f, 0.72f}, 0.25f);
        case HairStyle::curly:
            return ellipse(p - Vec2{0, -0.1f}, {w + 0.2f, 0.85f}) -
                   scallops(p, {0, -0.2f}, 8, 0.07f);
        case HairStyle::bun:
            return length(p - Vec2{0.2f * look.yaw, -1.2f}) - 0.32f;
        case HairStyle::twin_tails: {
            const Vec2 q{std::abs(p.x) - w - 0.22f, p.y - 0.4f};
            return ellipse({q.x + 0.25f * q.y, q.y}, {0.2f, 0.62f});
        }
        case HairStyle::crop:
        case HairStyle::side_part:
            break;
    }
    return 1e3f;
}

/// How light lies on the hair, about -1..1: a function of the visible shape and light alone, so
/// the shading of one colour tells that of another.
float hair_light(const Look& look, Vec2 p) {
    const Vec2 crown{0.5f * look.part, -0.75f};
    const Vec2 q = p - crown;
    const float side = 0.55f * (p.x * look.light.x + (p.y + 0.2f) * look.light.y);
    if (look.style == HairStyle::curly) {
        return side + 0.35f * std::sin(11 * p.x + 2 * std::sin(5 * p.y)) * std::sin(11 * p.y);
    }
    const float bend = look.style == HairStyle::wavy ? 0.25f * std::sin(7 * p.y) : 0.0f;
    // Locks fall from the crown and then straight down.
    const float lock = p.y < 0 ? std::atan2(q.x, q.y + 1.2f) * 2 : q.x / (q.y + 1.2f) * 2;
    const float strands =
        0.22f * std::sin(19 * (lock + bend)) + 0.1f * std::sin(41 * (lock + bend));
    const float ring = 0.35f * soft(std::abs(length(q) - 0.28f) - 0.02f, 0.12f);
    return side + strands + ring;
}

Rgb shaded(const HairTone& tone, float light) {
    return {tone.base.r + tone.gain.r * light, tone.base.g + tone.gain.g * light,
            tone.base.b + tone.gain.b * light};
}

}  // namespace

void draw_back_hair(Scene& scene) {
    const float px = scene.head.scale;
    scene.canvas.draw(scene.head, {{-1.5f, -1.65f}, {1.5f, 1.75f}}, [&](Vec2 p) {
        const float alpha = cover(back_shape(scene.look, p), px);
        if (alpha <= 0) return Paint{};
        return Paint{shaded(scene.hair, hair_light(scene.look, p) - 0.55f), alpha};
    });
}

void draw_front_hair(Scene& scene) {
    const Look& look = scene.look;
    const Hairline line = hairline(look);
    const float px = scene.head.scale;
    scene.canvas.draw(scene.head, {{-1.3f, -1.4f}, {1.3f, 1.6f}}, [&](Vec2 p) {
        const float d = front_shape(look, line, p);
        const float alpha = cover(d, px);
        if (alpha <= 0) return Paint{};
        return Paint{shaded(scene.hair, hair_light(look, p)), alpha};
    });
}

}  // namespace sg::synth
