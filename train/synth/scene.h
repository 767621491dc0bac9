#pragma once

#include "train/synth/canvas.h"
#include "train/synth/expression.h"
#include "train/synth/look.h"

namespace sg::synth {

/// One picture being drawn. `head` carries the tilt, `body` (same origin and scale) does not.
struct Scene {
    Canvas& canvas;
    const Look& look;
    Attributes attributes;
    ExpressionShape expression;
    HairTone hair;
    Rgb skin;  ///< as seen: pale or not
    Frame head, body;
};

// The layers, back to front; face.cpp calls them in this order.
void draw_backdrop(Scene& scene);
void draw_body(Scene& scene);
void draw_back_hair(Scene& scene);
void draw_neck(Scene& scene);
void draw_head(Scene& scene);
void draw_nose(Scene& scene);
void draw_mouth(Scene& scene);
void draw_eyes(Scene& scene);
void draw_brows(Scene& scene);
void draw_eyeglasses(Scene& scene);
void draw_front_hair(Scene& scene);

/// Signed distance of the face's outline, in head units.
float face_outline(const Look& look, Vec2 p);

/// Skin at `p` lit by the scene's light.
Rgb lit_skin(const Scene& scene, Vec2 p);

/// Where a feature at frontal x lands once the head is turned, and how its width shrinks.
struct Placement {
    float x, width;
};
Placement turned(const Look& look, float x);

/// Centre of an eye; side 0 is picture left, 1 picture right.
Vec2 eye_centre(const Look& look, int side);

}  // namespace sg::synth
