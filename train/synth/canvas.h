#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "train/data/dataset.h"
#include "train/synth/geometry.h"

namespace sg::synth {

/// Display-referred (sRGB) colour, 0..1 per channel.
struct Rgb {
    float r = 0, g = 0, b = 0;
};

inline Rgb operator+(Rgb a, Rgb b) {
    return {a.r + b.r, a.g + b.g, a.b + b.b};
}
inline Rgb operator*(Rgb a, float s) {
    return {a.r * s, a.g * s, a.b * s};
}
inline Rgb mix(Rgb a, Rgb b, float t) {
    return a * (1 - t) + b * t;
}

/// One layer's answer for a pixel.
struct Paint {
    Rgb colour;
    float alpha = 0;
};

/// Float picture that layers are drawn on, back to front.
class Canvas {
  public:
    explicit Canvas(ImageSize size) : size_(size), pixels_(size_t(size.height) * size.width) {}

    ImageSize size() const { return size_; }

    /// Blends `layer(p)` (p in `frame` units) over every pixel whose centre may lie in `box`.
    template <class Layer>
    void draw(const Frame& frame, Box box, Layer layer) {
        const Box area = frame.to_pixels(box);
        const int x0 = std::max(0, int(std::floor(area.low.x)) - 1);
        const int y0 = std::max(0, int(std::floor(area.low.y)) - 1);
        const int x1 = std::min(size_.width, int(std::ceil(area.high.x)) + 1);
        const int y1 = std::min(size_.height, int(std::ceil(area.high.y)) + 1);
        for (int y = y0; y < y1; ++y) {
            for (int x = x0; x < x1; ++x) {
                const Paint paint = layer(frame.to_local({float(x) + 0.5f, float(y) + 0.5f}));
                if (paint.alpha <= 0) continue;
                Rgb& pixel = pixels_[size_t(y) * size_.width + x];
                pixel = mix(pixel, paint.colour, std::min(paint.alpha, 1.0f));
            }
        }
    }

    /// Rounds to bytes; `grain(i)` (in byte steps) is added to pixel i first.
    template <class Grain>
    void store(std::span<uint8_t> rgb, Grain grain) const {
        const auto byte = [](float v) { return uint8_t(std::clamp(v, 0.0f, 255.0f) + 0.5f); };
        for (size_t i = 0; i < pixels_.size(); ++i) {
            const float g = grain(i);
            rgb[3 * i] = byte(pixels_[i].r * 255.0f + g);
            rgb[3 * i + 1] = byte(pixels_[i].g * 255.0f + g);
            rgb[3 * i + 2] = byte(pixels_[i].b * 255.0f + g);
        }
    }

  private:
    ImageSize size_;
    std::vector<Rgb> pixels_;
};

}  // namespace sg::synth
