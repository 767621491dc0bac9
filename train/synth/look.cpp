#include "train/synth/look.h"

#include "kernels/common/philox.h"

namespace sg::synth {
namespace {

/// Draws in a fixed order; the order is part of what an identity means.
class Draws {
  public:
    explicit Draws(uint64_t identity) : rng_{identity, RngPurpose::synth_identity, 0} {}

    float between(float low, float high) { return low + (high - low) * rng_.uniform(next_++); }
    int below(int n) { return int(rng_.below(next_++, uint32_t(n))); }

  private:
    Rng rng_;
    uint64_t next_ = 0;
};

/// Hue in turns, saturation and value 0..1.
Rgb from_hsv(float hue, float saturation, float value) {
    const auto channel = [&](float offset) {
        const float h = (hue + offset) * 6.0f;
        const float k = h - 6.0f * std::floor(h / 6.0f);
        const float ramp = std::clamp(std::min(k, 4.0f - k), 0.0f, 1.0f);
        return value * (1.0f - saturation * ramp);
    };
    return {channel(5.0f / 6.0f), channel(3.0f / 6.0f), channel(1.0f / 6.0f)};
}

Rgb draw_skin(Draws& draws) {
    constexpr std::array<Rgb, 4> tones{{{0.88f, 0.66f, 0.51f},
                                        {0.80f, 0.58f, 0.42f},
                                        {0.64f, 0.43f, 0.30f},
                                        {0.46f, 0.30f, 0.21f}}};
    const float t = draws.between(0.0f, 2.999f);
    const int i = int(t);
    const Rgb tone = mix(tones[size_t(i)], tones[size_t(i) + 1], t - float(i));
    const float warmth = draws.between(-0.02f, 0.02f);
    return tone + Rgb{warmth, 0, -warmth};
}

void draw_head(Draws& draws, Look& look) {
    look.shift = {draws.between(-0.12f, 0.12f), draws.between(-0.06f, 0.08f)};
    look.tilt = draws.between(-0.13f, 0.13f);
    look.yaw = draws.between(-0.2f, 0.2f);
    look.size = draws.between(0.93f, 1.07f);
    look.head_width = draws.between(0.70f, 0.80f);
    look.jaw_width = draws.between(0.50f, 0.64f);
    look.jaw_drop = draws.between(-0.05f, 0.06f);
    look.ear = draws.between(0.85f, 1.15f);
    const float angle = draws.between(0.35f, 2.8f);
    const float strength = draws.between(0.55f, 0.95f);
    look.light = {std::cos(angle) * strength, -std::sin(angle) * strength};
    look.skin = draw_skin(draws);
    look.blush = draws.between(0.1f, 0.4f);
}

void draw_features(Draws& draws, Look& look) {
    constexpr std::array<Rgb, 6> irises{{{0.26f, 0.15f, 0.08f},
                                         {0.42f, 0.26f, 0.12f},
                                         {0.30f, 0.46f, 0.26f},
                                         {0.22f, 0.46f, 0.68f},
                                         {0.38f, 0.46f, 0.52f},
                                         {0.20f, 0.36f, 0.42f}}};
    constexpr std::array<Rgb, 4> lips{{{0.76f, 0.34f, 0.34f},
                                       {0.72f, 0.26f, 0.34f},
                                       {0.66f, 0.36f, 0.32f},
                                       {0.80f, 0.42f, 0.42f}}};
    look.eye_spacing = draws.between(0.33f, 0.38f);
    look.eye_size = draws.between(0.90f, 1.12f);
    look.eye_height = draws.between(0.04f, 0.11f);
    look.iris = irises[size_t(draws.below(int(irises.size())))];
    look.brow_thickness = draws.between(0.032f, 0.055f);
    look.brow_arch = draws.between(0.03f, 0.09f);
    look.brow_length = draws.between(0.20f, 0.24f);
    look.nose_width = draws.between(0.10f, 0.16f);
    look.nose_length = draws.between(0.30f, 0.38f);
    look.lip_fullness = draws.between(0.06f, 0.10f);
    look.mouth_width = draws.between(0.28f, 0.34f);
    look.mouth_height = draws.between(0.64f, 0.69f);
    look.lips =
        mix(look.skin, lips[size_t(draws.below(int(lips.size())))], draws.between(0.5f, 0.9f));
}

void draw_surroundings(Draws& draws, Look& look) {
    look.style = HairStyle(draws.below(kHairStyles));
    look.volume = draws.between(0.06f, 0.15f);
    look.part = draws.between(0.1f, 0.35f) * (draws.below(2) ? 1.0f : -1.0f);
    look.garment = Garment(draws.below(kGarments));
    const float hue = draws.between(0.0f, 1.0f);
    look.cloth = from_hsv(hue, draws.between(0.25f, 0.50f), draws.between(0.40f, 0.60f));
    look.trim = draws.below(2) ? Rgb{0.94f, 0.93f, 0.90f} : from_hsv(hue + 0.5f, 0.4f, 0.75f);
    // A photographer's studio: pale walls that differ a little. Instance normalisation sees an
    // image relative to its own mean, so a wild backdrop would cost most of a short training.
    const float back = draws.between(0.54f, 0.62f);
    const float saturation = draws.between(0.08f, 0.14f);
    look.backdrop[0] = from_hsv(back, saturation, draws.between(0.85f, 0.89f));
    look.backdrop[1] =
        from_hsv(back + draws.between(-0.03f, 0.03f), saturation, draws.between(0.78f, 0.82f));
    look.backdrop_angle = draws.between(0.0f, 6.2831853f);
    for (Blob& blob : look.blobs) {
        blob.centre = {draws.between(-1.0f, 1.0f), draws.between(-1.0f, 0.6f)};
        blob.radius = draws.between(0.35f, 0.8f);
        blob.colour =
            from_hsv(back + draws.between(-0.04f, 0.04f), saturation, draws.between(0.81f, 0.88f));
    }
}

}  // namespace

Look make_look(uint64_t identity) {
    Draws draws(identity);
    Look look{};
    draw_head(draws, look);
    draw_features(draws, look);
    draw_surroundings(draws, look);
    return look;
}

Rgb pale(Rgb skin) {
    // A fixed affine map keeps enough of the tone that the change can be undone from the picture.
    const float grey = 0.3f * skin.r + 0.59f * skin.g + 0.11f * skin.b;
    const Rgb faded = mix(skin, {grey, grey, grey}, 0.5f);
    return mix(faded, {0.97f, 0.93f, 0.94f}, 0.78f);
}

HairTone hair_tone(Hair hair) {
    switch (hair) {
        case Hair::black:
            return {{0.095f, 0.09f, 0.11f}, {0.055f, 0.058f, 0.066f}, {0.07f, 0.06f, 0.07f}};
        case Hair::blond:
            return {{0.89f, 0.73f, 0.40f}, {0.10f, 0.13f, 0.15f}, {0.70f, 0.52f, 0.24f}};
        case Hair::brown:
            break;
    }
    return {{0.43f, 0.25f, 0.13f}, {0.14f, 0.11f, 0.08f}, {0.30f, 0.17f, 0.09f}};
}

}  // namespace sg::synth
