#include "train/data/folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/files.h"

namespace sg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOperation = "folders";

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

class Reader {
  public:
    explicit Reader(const FolderOptions& options) : options_(options) {
        list_.root = options.root;
        list_.crop = options.crop;
        list_.group = {options.name, LabelKind::one_hot, {}};
        list_.summary.source = fmt::format("folders {}", options.root);
    }

    FileList list() {
        const std::vector<std::string> top = list_directories(kOperation, options_.root);
        const bool split = contains(top, "train");
        list_.group.names = split ? list_directories(kOperation, below("train")) : top;
        if (list_.group.names.empty()) refuse_no_class(split ? "train" : "");
        found_ = find_images(kOperation, options_.root);
        DataSummary& summary = list_.summary;
        summary.skipped = found_.skipped;
        summary.skipped_other = int64_t(found_.skipped.size());
        summary.notes = found_.notes;
        add_part(split ? "train/" : "", false);
        if (split) add_held_out(top);
        return std::move(list_);
    }

  private:
    std::string below(const std::string& name) const { return join_path(options_.root, name); }

    [[noreturn]] void refuse_no_class(const std::string& part) const {
        const std::string place = part.empty() ? options_.root : below(part);
        const size_t loose = find_images(kOperation, place).images.size();
        throw Error(kOperation,
                    fmt::format("{}: no class folder, {} images lie directly in it", place, loose),
                    "expected one sub-folder per class: root/<class>/*.jpg or "
                    "root/{train,test}/<class>/*.jpg");
    }

    void add_held_out(const std::vector<std::string>& top) {
        std::string held_out;
        for (const char* part : {"test", "val"}) {
            if (options_.test.empty() && held_out.empty() && contains(top, part)) held_out = part;
        }
        if (!held_out.empty()) {
            check_test_classes(held_out);
            const size_t training = list_.names.size();
            add_part(held_out + "/", true);
            if (list_.names.size() == training)
                list_.summary.notes.push_back(below(held_out) + " has no image to hold out");
        }
        list_.summary.source += held_out.empty() ? " (train/)" : " (train/, " + held_out + "/)";
        skip_rest(held_out);
    }

    void check_test_classes(const std::string& held_out) const {
        const std::string place = below(held_out);
        for (const std::string& name : list_directories(kOperation, place)) {
            if (contains(list_.group.names, name)) continue;
            throw Error(
                kOperation,
                fmt::format("{}: class '{}' is not among the training classes", place, name),
                fmt::format("known classes: {}", fmt::join(list_.group.names, ", ")));
        }
    }

    // The first folder of a path in the part is its class; images above it have none.
    void add_part(const std::string& prefix, bool held_out) {
        int64_t loose = 0;
        for (const std::string& image : found_.images) {
            if (!image.starts_with(prefix)) continue;
            const size_t slash = image.find('/', prefix.size());
            if (slash == std::string::npos) {
                ++loose;
                list_.summary.skipped.push_back({below(image), "lies in no class folder"});
                continue;
            }
            const std::string name = image.substr(prefix.size(), slash - prefix.size());
            list_.names.push_back(image);
            list_.held_out.push_back(held_out);
            for (const std::string& known : list_.group.names)
                list_.labels.push_back(known == name);
        }
        if (loose == 0) return;
        list_.summary.skipped_other += loose;
        list_.summary.notes.push_back(fmt::format(
            "{} images in {} lie in no class folder and are left out", loose, below(prefix)));
    }

    bool is_test(const std::string& part) const {
        std::error_code ignored;
        return !options_.test.empty() && fs::equivalent(below(part), options_.test, ignored);
    }

    // Images beside train/ and the held-out folder.
    void skip_rest(const std::string& held_out) {
        std::string last;  // images are sorted: every folder comes once
        bool elsewhere = false;
        for (const std::string& image : found_.images) {
            const std::string part = image.substr(0, image.find('/') + 1);
            if (part == "train/" || (!held_out.empty() && part == held_out + "/")) continue;
            if (part.empty()) {
                ++list_.summary.skipped_other;
                list_.summary.skipped.push_back({below(image), "lies in no class folder"});
                continue;
            }
            if (part != last) {
                last = part;
                elsewhere = is_test(part);
                if (!elsewhere)
                    list_.summary.notes.push_back(fmt::format("{} is not used", below(part)));
            }
            if (elsewhere) continue;
            ++list_.summary.unused_part;
            list_.summary.skipped.push_back({below(image), "is in " + part + ", not used", true});
        }
    }

    const FolderOptions& options_;
    FoundFiles found_;
    FileList list_;
};

}  // namespace

FileList list_folders(const FolderOptions& options) {
    return Reader(options).list();
}

}  // namespace sg
