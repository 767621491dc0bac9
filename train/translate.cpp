#include "train/translate.h"

#include <algorithm>
#include <optional>
#include <set>

#include "kernels/image/image.h"
#include "train/checkpoint.h"
#include "train/data/files.h"
#include "train/data/image_io.h"
#include "train/data/preprocess.h"
#include "train/label_guess.h"
#include "train/label_settings.h"
#include "train/samples.h"

namespace sg {

namespace {

namespace fs = std::filesystem;

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

/// What G is asked for.
struct Target {
    int group;
    std::string name;           ///< for the file name
    std::string description;    ///< "Blond_Hair Young", "happy 0.5 neutral 0.5"
    std::vector<float> labels;  ///< a full label vector
};

std::string describe(const LabelGroup& group, const std::vector<float>& labels) {
    std::string text;
    for (int i = 0; i < group.dim(); ++i) {
        if (labels[i] == 0) continue;
        text += (text.empty() ? "" : " ") + group.names[i];
        if (labels[i] != 1) text += fmt::format(" {:.3g}", labels[i]);
    }
    return text.empty() ? "none" : text;
}

Target make_target(const LabelLayout& layout, int group, std::string name,
                   const std::vector<float>& own) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == ',' || c == '/'; }, '_');
    Target target{group, std::move(name), describe(layout.groups[group], own),
                  std::vector<float>(size_t(layout.label_dim()))};
    layout.unify(group, own.data(), target.labels.data());
    return target;
}

/// Labels `share` of the way from one target to another.
Target between(const Target& a, const Target& b, double share) {
    Target target = b;
    for (size_t i = 0; i < b.labels.size(); ++i)
        target.labels[i] = float((1 - share) * a.labels[i] + share * b.labels[i]);
    return target;
}

/// Pictures of one size in rows of at most `columns`.
Image side_by_side(const std::vector<Image>& pictures, int columns) {
    const int height = pictures[0].height, width = pictures[0].width;
    const int count = int(pictures.size()), rows = (count + columns - 1) / columns;
    const size_t row_bytes = size_t(width) * 3, line = row_bytes * std::min(columns, count);
    Image grid{.height = rows * height, .width = int(line / 3), .pixels = {}};
    grid.pixels.assign(size_t(grid.height) * line, 255);
    for (int i = 0; i < count; ++i)
        for (int y = 0; y < height; ++y)
            std::copy_n(
                &pictures[i].pixels[y * row_bytes], row_bytes,
                &grid.pixels[size_t(i / columns * height + y) * line + (i % columns) * row_bytes]);
    return grid;
}

/// An input and what it shall become.
struct Photo {
    fs::path input;
    Image image = {};                          ///< at the network's size
    Tensor x = {};                             ///< the same, as G takes it
    std::vector<std::vector<float>> own = {};  ///< its labels, per group
    std::vector<Target> targets = {};
};

/// A network ready to translate, with what its checkpoint says about images and labels.
class Translator {
  public:
    Translator(Device& device, const TranslateRequest& request)
        : device_(device),
          request_(request),
          path_(resolve_checkpoint(request.checkpoint)),
          info_(read_checkpoint_info(path_)),
          model_(device, info_.model, Precision::f32, info_.ema),
          from_(layout().groups.size()) {
        if (!request.from.empty()) from_ = parse_settings_of_all(layout(), request.from);
        for (const std::string& text : request.set)
            settings_.push_back(parse_settings(layout(), text));
        // What no photo's labels could mend is refused now; none of the others does so for all.
        for (const LabelSettings& settings : settings_) {
            const LabelGroup& group = layout().groups[settings.group];
            apply_settings(group, std::vector<float>(size_t(group.dim()), 1.0f), settings);
        }
        load_checkpoint(path_, model_, LoadMoments::no);
    }

    /// The photo as the networks see it, with its labels and what they shall become. Throws Error
    /// naming the file if it does not decode, or if the settings leave it no class.
    Photo prepare(const fs::path& input) const {
        Photo photo{.input = input,
                    .image = preprocess(read_image_file(input.string()), request_.crop, size())};
        photo.x = tensor_of(photo.image);
        try {
            for (int g = 0; g < int(layout().groups.size()); ++g)
                photo.own.push_back(apply_settings(layout().groups[g],
                                                   guess_labels(model_.D, g, photo.x), from_[g]));
            photo.targets = targets_for(photo.own);
        } catch (const Error& error) {
            if (dynamic_cast<const LostDevice*>(&error)) throw;
            throw Error(error.operation(), fmt::format("{}: {}", input.string(), error.fact()),
                        error.hint());
        }
        return photo;
    }

    std::vector<Translated> run(const Photo& photo, const std::string& stem) const {
        std::string source, all;
        for (size_t g = 0; g < photo.own.size(); ++g)
            source += (g > 0 ? ", " : "") + describe(layout().groups[g], photo.own[g]);
        for (const Target& target : photo.targets)
            all += (all.empty() ? "" : " | ") + target.description;
        std::vector<Translated> results;
        const auto write = [&](const std::string& name, const Image& picture,
                               const std::string& description) {
            const fs::path file = request_.out / fmt::format("{}__{}.png", stem, name);
            write_png(file.string(), picture);
            results.push_back({photo.input, file, source, description});
        };
        constexpr int most_columns = 9;
        if (request_.strip > 0) {
            const auto strip = strip_of(photo);
            write("strip", side_by_side(strip, int(strip.size())), all);
        }
        if (request_.all) {
            std::vector<Image> pictures{photo.image};
            for (const Target& target : photo.targets) pictures.push_back(picture(photo.x, target));
            write("all", side_by_side(pictures, most_columns), all);
        }
        if (results.empty())
            for (const Target& target : photo.targets)
                write(target.name, picture(photo.x, target), target.description);
        return results;
    }

  private:
    const LabelLayout& layout() const { return info_.model.labels; }
    ImageSize size() const { return {info_.model.height, info_.model.width}; }

    Tensor tensor_of(const Image& image) const {
        std::vector<float> floats(image.pixels.size());
        std::transform(image.pixels.begin(), image.pixels.end(), floats.begin(), unit_of_byte);
        return Tensor::from_host(device_, {1, size().height, size().width, 3},
                                 std::span<const float>(floats));
    }

    Image picture(const Tensor& x, const Target& target) const {
        const Tensor labels = Tensor::from_host(device_, {1, layout().label_dim()},
                                                std::span<const float>(target.labels));
        return image_from_float(translate(display_generator(model_), x, labels).to_host_f32(),
                                size().height, size().width);
    }

    /// From one target to the next; where the next is of another group, from the photo's own labels
    /// in that one, since G never saw two groups at once.
    std::vector<Image> strip_of(const Photo& photo) const {
        std::vector<Image> pictures;
        Target last{.group = -1, .name = {}, .description = {}, .labels = {}};
        for (const Target& target : photo.targets) {
            if (target.group != last.group) {
                last = make_target(layout(), target.group, "", photo.own[target.group]);
                pictures.push_back(picture(photo.x, last));
            }
            for (int step = 1; step <= request_.strip; ++step)
                pictures.push_back(
                    picture(photo.x, between(last, target, double(step) / request_.strip)));
            last = target;
        }
        return pictures;
    }

    std::vector<Target> targets_for(const std::vector<std::vector<float>>& own) const {
        std::vector<Target> targets;
        for (size_t i = 0; i < settings_.size(); ++i) {
            const int g = settings_[i].group;
            const auto labels = apply_settings(layout().groups[g], own[g], settings_[i]);
            targets.push_back(make_target(layout(), g, request_.set[i], labels));
        }
        if (!targets.empty()) return targets;
        for (const auto& [name, g, label] : target_columns(layout())) {
            const LabelGroup& group = layout().groups[g];
            const auto labels = target_labels(group, own[g], label);
            // One name may be a label of two groups.
            const std::string prefix = layout().groups.size() > 1 ? group.name + "." : "";
            targets.push_back(make_target(
                layout(), g, fmt::format("{}{}={}", prefix, name, int(labels[label])), labels));
        }
        return targets;
    }

    Device& device_;
    const TranslateRequest& request_;
    fs::path path_;
    CheckpointInfo info_;
    StarGan model_;
    std::vector<LabelSettings> from_;      // per group
    std::vector<LabelSettings> settings_;  // per target
};

}  // namespace

std::vector<Translated> translate_files(Device& device, const TranslateRequest& request,
                                        const std::function<void(const std::string&)>& skipped) {
    require(request.strip >= 0, "translate", "a strip cannot have {} steps", request.strip);
    const Translator translator(device, request);
    const auto files = list_inputs(request.inputs);
    fs::create_directories(request.out);
    std::vector<Translated> results;
    std::set<std::string> stems;
    for (const fs::path& file : files) {
        // Two inputs of one name (a.jpg and b/a.png) must not overwrite each other's output.
        std::string stem = file.stem().string();
        for (int n = 2; !stems.insert(stem).second; ++n)
            stem = fmt::format("{}-{}", file.stem().string(), n);
        std::optional<Photo> photo;
        try {
            photo = translator.prepare(file);
        } catch (const Error& error) {
            if (dynamic_cast<const LostDevice*>(&error)) throw;
            skipped(error.what());
            continue;
        }
        const auto done = translator.run(*photo, stem);
        results.insert(results.end(), done.begin(), done.end());
    }
    require(!results.empty(), "translate", "none of the {} inputs could be translated",
            files.size());
    return results;
}

}  // namespace sg
