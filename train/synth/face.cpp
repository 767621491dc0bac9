#include "train/synth/face.h"

#include "kernels/common/error.h"
#include "kernels/common/philox.h"
#include "train/synth/scene.h"

namespace sg::synth {
namespace {

// Pixels per head unit as a share of the shorter side, and where the head's origin lies.
constexpr float kHeadScale = 0.315f;
constexpr float kHeadY = 0.525f;

// Mild film grain in byte steps; the same for every attribute, so it carries no answer.
constexpr float kGrain = 1.6f;
constexpr uint32_t kGrainStream = 1;

Frame head_frame(const Look& look, ImageSize size) {
    const float side = float(std::min(size.height, size.width));
    const float scale = side * kHeadScale * look.size;
    const Vec2 centre{0.5f * float(size.width), 0.5f * float(size.height) + (kHeadY - 0.5f) * side};
    return {centre + look.shift * scale, std::cos(look.tilt), std::sin(look.tilt), scale};
}

}  // namespace

void render(uint64_t identity, const Attributes& attributes, ImageSize size,
            std::span<uint8_t> rgb_hwc) {
    const auto fits = [](int side) { return side >= kMinSide && side <= kMaxSide; };
    require(fits(size.height) && fits(size.width), "synth",
            "cannot draw {} x {} pixels, sides must be {}..{}", size.height, size.width, kMinSide,
            kMaxSide);
    const size_t bytes = size_t(size.height) * size_t(size.width) * 3;
    require(rgb_hwc.size() == bytes, "synth", "got {} bytes for a {} x {} picture, it needs {}",
            rgb_hwc.size(), size.height, size.width, bytes);

    const Look look = make_look(identity);
    Canvas canvas(size);
    const Frame head = head_frame(look, size);
    Scene scene{.canvas = canvas,
                .look = look,
                .attributes = attributes,
                .expression = shape_of(attributes.expression),
                .hair = hair_tone(attributes.hair),
                .skin = attributes.pale_skin ? pale(look.skin) : look.skin,
                .head = head,
                .body = {head.origin, 1, 0, head.scale}};
    draw_backdrop(scene);
    draw_body(scene);
    draw_back_hair(scene);
    draw_neck(scene);
    draw_head(scene);
    draw_nose(scene);
    draw_mouth(scene);
    draw_eyes(scene);
    draw_brows(scene);
    if (attributes.eyeglasses) draw_eyeglasses(scene);
    draw_front_hair(scene);

    const Rng rng{identity, RngPurpose::synth_identity, kGrainStream};
    canvas.store(rgb_hwc, [&](size_t i) { return (2 * rng.uniform(i) - 1) * kGrain; });
}

}  // namespace sg::synth
