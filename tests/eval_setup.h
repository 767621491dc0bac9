#pragma once

#include <cmath>

#include "tests/eval_fakes.h"
#include "tests/floats_of.h"
#include "tests/temp_dir.h"
#include "train/samples.h"

namespace sg::testing {

inline constexpr int64_t kValues = int64_t{28} * 24 * 3;

struct Setup {
    std::unique_ptr<Device> device = Device::cpu(1);
    BuiltInFaces faces;
    std::vector<std::string> notes;

    GroupResult measure(const ImageTranslator& translator, int group,
                        std::vector<int64_t> items = {0, 3, 4, 7, 11, 12, 20, 25, 39}) {
        const SynthDataset& data = faces.of(group);
        const GroupTest test{.translator = translator,
                             .group = group,
                             .data = data,
                             .items = std::move(items),
                             .size = kFaceSize,
                             .judge = stripe_judge(data.label_group().dim()),
                             .seed = 5,
                             .slice = 4};
        return measure_group(*device, test, {}, notes);
    }
};

/// One held-out face in one translation, computed by itself.
struct Single {
    std::vector<float> own, target, input, output, back;
    std::vector<uint8_t> input_bytes, output_bytes, unchanged, truth;
};

inline Single translate_one(Device& device, const ImageTranslator& translator,
                            const SynthDataset& data, int group, int64_t item, int label) {
    Single one;
    Image picture{kFaceSize.height, kFaceSize.width, std::vector<uint8_t>(kValues)};
    data.read_image(item, kFaceSize, picture.pixels);
    one.own.resize(size_t(data.label_group().dim()));
    data.read_labels(item, one.own);
    one.target = target_labels(data.label_group(), one.own, label);
    one.input_bytes = picture.pixels;
    one.input = floats_of(picture);
    const auto full = [&](const std::vector<float>& labels) {
        return full_labels(translator.labels(), group, labels);
    };
    const Tensor x = Tensor::from_host(device, {1, kFaceSize.height, kFaceSize.width, 3},
                                       std::span<const float>(one.input));
    const Tensor y = translator.translate(x, full(one.own), full(one.target));
    one.output = y.to_host_f32();
    one.output_bytes = image_from_float(one.output, kFaceSize.height, kFaceSize.width).pixels;
    one.unchanged =
        image_from_float(translator.translate(x, full(one.own), full(one.own)).to_host_f32(),
                         kFaceSize.height, kFaceSize.width)
            .pixels;
    one.back = translator.translate(y, full(one.target), full(one.own)).to_host_f32();
    one.truth.resize(kValues);
    data.render_with_labels(item, one.target, kFaceSize, one.truth);
    return one;
}

inline double mean_difference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += std::abs(double(a[i]) - double(b[i]));
    return sum / double(a.size());
}

}  // namespace sg::testing
