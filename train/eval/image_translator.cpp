#include "train/eval/image_translator.h"

#include "train/batch.h"

namespace sg {

void require_translatable(const LabelLayout& labels, const Tensor& images,
                          std::span<const float> own, std::span<const float> target) {
    const Shape& shape = images.shape();
    require(shape.size() == 4 && shape[3] == 3, "translate", "images are {}, expected [N,H,W,3]",
            to_string(shape));
    const auto expected = size_t(shape[0] * labels.label_dim());
    require(own.size() == expected && target.size() == expected, "translate",
            "{} own and {} target labels, expected {} each for {} images", own.size(),
            target.size(), expected, shape[0]);
}

StarGanTranslator::StarGanTranslator(Device& device, const std::filesystem::path& checkpoint)
    : info_(read_checkpoint_info(checkpoint)) {
    StarGan model(device, info_.model, Precision::f32, info_.ema);
    load_checkpoint(checkpoint, model, LoadMoments::no);
    // The average if there is one; D's memory is free again.
    generator_ = std::make_unique<Generator>(std::move(model.G_ema ? *model.G_ema : model.G));
}

Tensor StarGanTranslator::translate(const Tensor& images, std::span<const float> own,
                                    std::span<const float> target) const {
    require_translatable(labels(), images, own, target);
    const Tensor wanted =
        Tensor::from_host(images.device(), {images.dim(0), labels().label_dim()}, target);
    return sg::translate(*generator_, images, wanted);
}

}  // namespace sg
