#pragma once

#include <map>
#include <string>

#include "tests/eval_fakes.h"

namespace sg::testing {

/// Draws the true picture. Knows faces by their bytes, also those that it has drawn. What is asked
/// with the mask of another group than the face's is drawn only by one that heeds no mask.
class Oracle : public FakeTranslator {
  public:
    Oracle(const BuiltInFaces& faces, const LabelLayout& layout, int group, bool heeds_mask)
        : FakeTranslator(layout), data_(faces.of(group)), group_(group), heeds_(heeds_mask) {
        std::vector<uint8_t> pixels(bytes_);
        for (int64_t item = 0; item < data_.size(); ++item) {
            data_.read_image(item, kFaceSize, pixels);
            known_[key_of(pixels)] = item;
        }
    }
    std::vector<float> change(std::span<const float> image,
                              std::span<const float> target) const override {
        const int64_t item = known_.at(key_of(picture_bytes(image)));
        std::vector<uint8_t> pixels(bytes_);
        const int groups = int(layout_.groups.size());
        const auto mask = [&](int g) {
            return groups == 1 || target[size_t(layout_.class_dim() + g)] == 1;
        };
        const auto own = target.subspan(size_t(layout_.offset(group_)),
                                        size_t(layout_.groups[size_t(group_)].dim()));
        synth::Attributes wanted = data_.attributes(item);
        const int other = 1 - group_;
        if (mask(group_) && std::count(own.begin(), own.end(), 1.0f) > 0) {
            data_.render_with_labels(item, own, kFaceSize, pixels);
        } else if (groups > 1 && (mask(other) || !heeds_)) {
            for (int k = 0; k < synth::kExpressions; ++k)
                if (target[size_t(layout_.offset(other) + k)] == 1)
                    wanted.expression = synth::Expression(k);
            synth::render(data_.identity(item), wanted, kFaceSize, pixels);
        } else {
            data_.read_image(item, kFaceSize, pixels);
        }
        known_[key_of(pixels)] = item;
        std::vector<float> values;
        for (const uint8_t byte : pixels) values.push_back((float(byte) / 255 - 0.5f) / 0.5f);
        return values;
    }

  private:
    static std::string key_of(const std::vector<uint8_t>& pixels) {
        return {pixels.begin(), pixels.end()};
    }

    const SynthDataset& data_;
    int group_;
    bool heeds_;
    size_t bytes_ = size_t(kFaceSize.height * kFaceSize.width * 3);
    mutable std::map<std::string, int64_t> known_;  ///< item by its bytes
};

}  // namespace sg::testing
