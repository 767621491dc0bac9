#pragma once

#include <algorithm>
#include <cmath>

namespace sg::synth {

struct Vec2 {
    float x = 0, y = 0;
};

inline Vec2 operator+(Vec2 a, Vec2 b) {
    return {a.x + b.x, a.y + b.y};
}
inline Vec2 operator-(Vec2 a, Vec2 b) {
    return {a.x - b.x, a.y - b.y};
}
inline Vec2 operator*(Vec2 a, float s) {
    return {a.x * s, a.y * s};
}
inline float dot(Vec2 a, Vec2 b) {
    return a.x * b.x + a.y * b.y;
}
inline float length(Vec2 a) {
    return std::sqrt(dot(a, a));
}

struct Box {
    Vec2 low, high;
};

inline Box around(Vec2 centre, float half_x, float half_y) {
    return {centre - Vec2{half_x, half_y}, centre + Vec2{half_x, half_y}};
}

/// Similarity between pixels and drawing units (y points down in both).
struct Frame {
    Vec2 origin;             ///< in pixels
    float cos = 1, sin = 0;  ///< of the clockwise tilt
    float scale = 1;         ///< pixels per unit

    Vec2 to_local(Vec2 pixel) const {
        const Vec2 d = (pixel - origin) * (1 / scale);
        return {cos * d.x + sin * d.y, cos * d.y - sin * d.x};
    }
    /// Pixel bounds of a box in drawing units.
    Box to_pixels(Box box) const {
        const Vec2 c = (box.low + box.high) * 0.5f, h = (box.high - box.low) * 0.5f;
        const Vec2 centre = origin + Vec2{cos * c.x - sin * c.y, sin * c.x + cos * c.y} * scale;
        const float ac = std::abs(cos), as = std::abs(sin);
        return around(centre, (ac * h.x + as * h.y) * scale, (as * h.x + ac * h.y) * scale);
    }
};

// Signed distances: negative inside, exact or first order near the boundary (all that coverage
// needs).

inline float ellipse(Vec2 p, Vec2 radius) {
    const Vec2 a{p.x / radius.x, p.y / radius.y};
    const float k0 = length(a);
    const float k1 = length({a.x / radius.x, a.y / radius.y});
    return k1 > 0 ? k0 * (k0 - 1) / k1 : -std::min(radius.x, radius.y);
}

inline float rounded_box(Vec2 p, Vec2 half, float radius) {
    const Vec2 q{std::abs(p.x) - half.x + radius, std::abs(p.y) - half.y + radius};
    const Vec2 outside{std::max(q.x, 0.0f), std::max(q.y, 0.0f)};
    return length(outside) + std::min(std::max(q.x, q.y), 0.0f) - radius;
}

inline float segment(Vec2 p, Vec2 a, Vec2 b) {
    const Vec2 pa = p - a, ba = b - a;
    return length(pa - ba * std::clamp(dot(pa, ba) / dot(ba, ba), 0.0f, 1.0f));
}

/// Union and intersection with a fillet of about `k` units.
inline float smooth_min(float a, float b, float k) {
    const float h = std::max(k - std::abs(a - b), 0.0f) / k;
    return std::min(a, b) - h * h * k * 0.25f;
}
inline float smooth_max(float a, float b, float k) {
    return -smooth_min(-a, -b, k);
}

// Coverage of a pixel, 0..1; `px` is pixels per unit.

/// Of the region with signed distance `d`.
inline float cover(float d, float px) {
    return std::clamp(0.5f - d * px, 0.0f, 1.0f);
}

/// Of the strip upper < y < lower; right for strips thinner than a pixel too.
inline float cover_band(float y, float upper, float lower, float px) {
    const float half = 0.5f / px;
    return std::clamp((std::min(y + half, lower) - std::max(y - half, upper)) * px, 0.0f, 1.0f);
}

/// Of a line of half width `half` whose centre line is `d` units away.
inline float cover_stroke(float d, float half, float px) {
    return cover_band(d, -half, half, px);
}

/// 1 at d <= -width, 0 at d >= width, smooth between: for shadows and glows.
inline float soft(float d, float width) {
    const float t = std::clamp(0.5f - 0.5f * d / width, 0.0f, 1.0f);
    return t * t * (3 - 2 * t);
}

}  // namespace sg::synth
