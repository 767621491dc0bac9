#include "train/translate.h"

#include <algorithm>
#include <set>

#include "kernels/image/image.h"
#include "train/batch.h"
#include "train/data/files.h"
#include "train/data/image_io.h"
#include "train/data/preprocess.h"
#include "train/samples.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(separator, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

}  // namespace

std::vector<LabelSetting> parse_settings(const LabelGroup& group, const std::string& text) {
    std::vector<LabelSetting> settings;
    for (const std::string& part : split(text, ',')) {
        const size_t equals = part.find('=');
        const std::string name = part.substr(0, equals);
        const std::string value = equals == std::string::npos ? "1" : part.substr(equals + 1);
        const bool alone_is_fine = group.kind == LabelKind::one_hot || equals != std::string::npos;
        require(alone_is_fine && (value == "0" || value == "1"), "labels",
                "'{}' is not NAME=0 or NAME=1", part);
        settings.push_back({group.index_of(name), value == "1"});
    }
    return settings;
}

std::vector<float> apply_settings(const LabelGroup& group, std::vector<float> own,
                                  const std::vector<LabelSetting>& settings) {
    std::set<int> on;
    for (const auto& [label, value] : settings) {
        for (const auto& other : settings)
            require(other.label != label || other.value == value, "labels",
                    "{} is set to 0 and to 1", group.names[label]);
        own[label] = value ? 1.0f : 0.0f;
        if (!value) continue;
        for (int other : group.exclusive_with(label)) {
            require(!on.contains(other), "labels", "{} and {} exclude each other",
                    group.names[label], group.names[other]);
            own[other] = 0;
        }
        on.insert(label);
    }
    const auto classes = std::count(own.begin(), own.end(), 1.0f);
    require(group.kind != LabelKind::one_hot || classes == 1, "labels",
            "exactly one of the classes must be set, got {}", classes);
    return own;
}

namespace {

std::string describe(const LabelGroup& group, const std::vector<float>& labels) {
    std::string text;
    for (int i = 0; i < group.dim(); ++i)
        if (labels[i] > 0.5f) text += (text.empty() ? "" : " ") + group.names[i];
    return text.empty() ? "none" : text;
}

/// The labels that D's class head sees in one image, made consistent: the most likely of labels
/// that exclude each other.
std::vector<float> predict_labels(const Discriminator& D, const LabelGroup& group, int64_t offset,
                                  const Tensor& image) {
    const GradMode off(false);
    const auto logits = slice_columns(D.forward(image).cls, offset, group.dim()).to_host_f32();
    std::vector<float> labels(group.dim());
    for (int i = 0; i < group.dim(); ++i) {
        const auto excluded = group.exclusive_with(i);
        const bool largest = std::all_of(excluded.begin(), excluded.end(), [&](int other) {
            return logits[i] > logits[other] || (logits[i] == logits[other] && i < other);
        });
        labels[i] = largest && (logits[i] > 0 || group.kind == LabelKind::one_hot);
    }
    return labels;
}

struct Target {
    std::string name;  ///< for the file name
    std::vector<LabelSetting> settings;
};

std::vector<Target> make_targets(const LabelGroup& group, const std::vector<std::string>& set) {
    std::vector<Target> targets;
    for (const std::string& text : set) {
        std::string name = text;
        std::replace(name.begin(), name.end(), ',', '_');
        targets.push_back({name, parse_settings(group, text)});
    }
    return targets;
}

std::vector<fs::path> list_inputs(const std::vector<fs::path>& inputs) {
    std::vector<fs::path> files;
    for (const fs::path& input : inputs) {
        require(fs::exists(input), "translate", "{} does not exist", input.string());
        if (!fs::is_directory(input)) {
            files.push_back(input);
            continue;
        }
        const FoundFiles found = find_images("translate", input.string());
        require(!found.images.empty(), "translate", "{} has no images", input.string());
        for (const std::string& name : found.images) files.push_back(input / name);
    }
    return files;
}

/// A network ready to translate, with what its checkpoint says about images and labels.
class Translator {
  public:
    Translator(Device& device, const TranslateRequest& request)
        : device_(device),
          path_(resolve_checkpoint(request.checkpoint)),
          info_(read_checkpoint_info(path_)),
          model_(device, info_.model, Precision::f32),
          crop_(request.crop),
          from_(request.from.empty() ? std::vector<LabelSetting>{}
                                     : parse_settings(group(), request.from)),
          targets_(make_targets(group(), request.set)) {
        load_checkpoint(path_, model_, LoadMoments::no);
    }

    /// The photo as the networks see it. Throws Error if it does not decode.
    Image read(const fs::path& input) const {
        return preprocess(read_image_file(input.string()), crop_,
                          {info_.model.height, info_.model.width});
    }

    std::vector<Translated> run(const fs::path& input, const Image& image, const std::string& stem,
                                const fs::path& out) {
        const ImageSize size{image.height, image.width};
        std::vector<float> floats(image.pixels.size());
        CpuContext host(1);
        image_to_tensor(host, ImageToTensorArgs<float>{.N = 1,
                                                       .H = size.height,
                                                       .W = size.width,
                                                       .C = 3,
                                                       .C_out = 3,
                                                       .images = image.pixels.data(),
                                                       .y = floats.data()});
        const Tensor x = Tensor::from_host(device_, {1, size.height, size.width, 3},
                                           std::span<const float>(floats));
        const auto own = apply_settings(
            group(), predict_labels(model_.D, group(), info_.model.labels.offset(0), x), from_);
        std::vector<Translated> results;
        for (const auto& [name, target] : targets_for(own)) {
            const Tensor labels = unified_labels(device_, info_.model.labels, 0, target);
            const auto translated = translate(model_.G, x, labels).to_host_f32();
            const fs::path file = out / fmt::format("{}__{}.png", stem, name);
            write_png(file.string(), image_from_float(translated, size.height, size.width));
            results.push_back({input, file, describe(group(), own), describe(group(), target)});
        }
        return results;
    }

  private:
    const LabelGroup& group() const { return info_.model.labels.groups.at(0); }

    std::vector<std::pair<std::string, std::vector<float>>> targets_for(
        const std::vector<float>& own) const {
        std::vector<std::pair<std::string, std::vector<float>>> result;
        for (const Target& target : targets_)
            result.emplace_back(target.name, apply_settings(group(), own, target.settings));
        if (!targets_.empty()) return result;
        for (const TargetColumn& column : target_columns(group())) {
            auto labels = target_labels(group(), own, column.label);
            const int value = labels[column.label] > 0.5f;
            result.emplace_back(fmt::format("{}={}", column.name, value), std::move(labels));
        }
        return result;
    }

    Device& device_;
    fs::path path_;
    CheckpointInfo info_;
    StarGan model_;
    int crop_;
    std::vector<LabelSetting> from_;
    std::vector<Target> targets_;
};

}  // namespace

std::vector<Translated> translate_files(Device& device, const TranslateRequest& request,
                                        const std::function<void(const std::string&)>& skipped) {
    Translator translator(device, request);
    const auto files = list_inputs(request.inputs);
    fs::create_directories(request.out);
    std::vector<Translated> results;
    std::set<std::string> stems;
    for (const fs::path& file : files) {
        // Two inputs of one name (a.jpg and b/a.png) must not overwrite each other's output.
        std::string stem = file.stem().string();
        for (int n = 2; !stems.insert(stem).second; ++n)
            stem = fmt::format("{}-{}", file.stem().string(), n);
        Image image;
        try {
            image = translator.read(file);
        } catch (const Error& error) {
            skipped(error.what());
            continue;
        }
        const auto done = translator.run(file, image, stem, request.out);
        results.insert(results.end(), done.begin(), done.end());
    }
    require(!results.empty(), "translate", "none of the {} inputs could be translated",
            files.size());
    return results;
}

}  // namespace sg
