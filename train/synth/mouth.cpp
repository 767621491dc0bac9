#include "train/synth/scene.h"

namespace sg::synth {
namespace {

constexpr Rgb kInside{0.30f, 0.07f, 0.09f};
constexpr Rgb kTeeth{0.97f, 0.96f, 0.93f};
constexpr Rgb kTongue{0.84f, 0.38f, 0.40f};
constexpr float kLineHalf = 0.02f;

/// The mouth's edges over x in -1..1 (corner to corner), in head units below the mouth's centre.
struct Edges {
    const ExpressionShape& shape;
    float lip;

    float middle(float x) const {
        const float rest = 0.125f * (shape.corner[0] + shape.corner[1]);
        return rest - shape.corner[x > 0] * x * x;
    }
    float bulge(float x) const {
        const float rest = std::max(1 - x * x, 0.0f);
        return rest + shape.round * (std::sqrt(rest) - rest);
    }
    float inner_top(float x) const { return middle(x) - shape.open_up * bulge(x); }
    float inner_bottom(float x) const { return middle(x) + shape.open_down * bulge(x); }
    float lip_top(float x) const { return inner_top(x) - 0.75f * lip * std::sqrt(bulge(x)); }
    float lip_bottom(float x) const { return inner_bottom(x) + lip * std::sqrt(bulge(x)); }
};

Rgb inside_colour(const ExpressionShape& shape, float y, float top, float bottom, float px) {
    const float height = bottom - top;
    Rgb colour = kInside;
    if (shape.tongue > 0) {
        colour =
            mix(colour, kTongue, cover_band(y, bottom - shape.tongue * height, bottom + 1, px));
    }
    if (shape.teeth > 0) {
        colour = mix(colour, kTeeth, cover_band(y, top - 1, top + shape.teeth * height, px));
    }
    if (shape.clenched) {
        const float line = std::abs(y - 0.5f * (top + bottom));
        colour = mix(colour, kInside, 0.9f * cover_stroke(line, kLineHalf, px));
    }
    return colour;
}

}  // namespace

void draw_mouth(Scene& scene) {
    const Look& look = scene.look;
    const ExpressionShape& shape = scene.expression;
    const float px = scene.head.scale;
    const Placement place = turned(look, 0);
    const Vec2 centre{1.1f * place.x, look.mouth_height + 0.5f * look.jaw_drop};
    const float half = look.mouth_width * shape.mouth_width;
    const Edges edges{shape, look.lip_fullness};
    const Rgb lips = mix(scene.skin, look.lips, 0.8f);
    const bool open = shape.open_up + shape.open_down > 0;
    scene.canvas.draw(scene.head, around(centre, half + 0.15f, 0.4f), [&](Vec2 p) {
        const float x = (p.x - centre.x) / half, y = p.y - centre.y;
        const float xc = std::clamp(x, -1.0f, 1.0f);
        // Strip coverage works along y: correct it for the slope of the mouth's curve.
        const float step =
            edges.middle(std::min(xc + 0.05f, 1.0f)) - edges.middle(std::max(xc - 0.05f, -1.0f));
        const float across = px / std::hypot(1.0f, step / (0.1f * half));
        const float end = cover((std::abs(x) - 1) * half, px);
        const float lip_cover =
            end * cover_band(y, edges.lip_top(xc), edges.lip_bottom(xc), across);
        const float top = edges.inner_top(xc), bottom = edges.inner_bottom(xc);
        const Rgb lit = lips * (0.95f + (y < edges.middle(xc) ? -0.06f : 0.05f));
        Rgb colour = lit;
        float alpha = lip_cover;
        const float hole = open ? cover_band(y, top, bottom, across)
                                : cover_stroke(y - edges.middle(xc), kLineHalf, across);
        const float inner = hole * cover((std::abs(x) - 1) * half - 0.02f, px);
        const Rgb inside = open ? inside_colour(shape, y, top, bottom, px) : lips * 0.36f;
        colour = mix(colour, inside, alpha + inner > 0 ? inner / std::max(inner, alpha) : 0);
        alpha = std::max(alpha, inner);
        const int side = x > 0;
        const Vec2 corner{half + 0.06f, -0.75f * shape.corner[side]};
        const float crease = segment({std::abs(p.x - centre.x), y}, corner - Vec2{0.01f, 0.08f},
                                     corner + Vec2{0.01f, 0.05f});
        const float dimple = 0.6f * shape.dimple[side] * cover_stroke(crease, 0.022f, px);
        if (dimple > alpha) return Paint{lit_skin(scene, p) * 0.6f, dimple};
        return Paint{colour, alpha};
    });
}

}  // namespace sg::synth
