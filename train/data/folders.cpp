#include "train/data/folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/common/error.h"
#include "train/data/files.h"

namespace sg {
namespace {

constexpr const char* kOperation = "folders";

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string below(const std::string& root, const std::string& name) {
    return root.ends_with('/') ? root + name : root + "/" + name;
}

class Reader {
  public:
    explicit Reader(const FolderOptions& options) : options_(options) {
        list_.root = options.root;
        list_.crop = options.crop;
        list_.group = {options.name, LabelKind::one_hot, {}};
    }

    FileList list() {
        const std::vector<std::string> top = list_directories(kOperation, options_.root);
        const bool split = contains(top, "train");
        list_.group.names =
            split ? list_directories(kOperation, below(options_.root, "train")) : top;
        if (list_.group.names.empty()) refuse_no_class(split ? "train" : "");
        list_.summary.source = fmt::format("folders {}", options_.root);
        add_part(split ? "train/" : "", false);
        if (split) {
            list_.summary.source += " (train";
            for (const char* part : {"test", "val"}) {
                if (held_out_.empty() && contains(top, part)) held_out_ = part;
            }
            if (!held_out_.empty()) {
                check_test_classes();
                add_part(held_out_ + "/", true);
                list_.summary.source += "/, " + held_out_;
            }
            list_.summary.source += "/)";
        }
        return std::move(list_);
    }

  private:
    [[noreturn]] void refuse_no_class(const std::string& part) const {
        const std::string place = part.empty() ? options_.root : below(options_.root, part);
        const size_t loose = find_images(kOperation, place).images.size();
        throw Error(kOperation,
                    fmt::format("{}: no class folder, {} images lie directly in it", place, loose),
                    "expected one sub-folder per class: root/<class>/*.jpg or "
                    "root/{train,test}/<class>/*.jpg");
    }

    void check_test_classes() const {
        const std::string place = below(options_.root, held_out_);
        for (const std::string& name : list_directories(kOperation, place)) {
            if (contains(list_.group.names, name)) continue;
            throw Error(
                kOperation,
                fmt::format("{}: class '{}' is not among the training classes", place, name),
                fmt::format("known classes: {}", fmt::join(list_.group.names, ", ")));
        }
    }

    // One walk over the part: the first folder of a path is its class, files above it have none.
    void add_part(const std::string& prefix, bool held_out) {
        const auto& classes = list_.group.names;
        FoundFiles found = find_images(kOperation, options_.root + "/" + prefix);
        list_.summary.skipped_other += found.other;
        int64_t loose = 0;
        for (const std::string& image : found.images) {
            const size_t slash = image.find('/');
            if (slash == std::string::npos) {
                ++loose;
                continue;
            }
            const std::string name = image.substr(0, slash);
            list_.names.push_back(prefix + image);
            list_.held_out.push_back(held_out);
            for (const std::string& known : classes) list_.labels.push_back(known == name);
        }
        auto& notes = list_.summary.notes;
        notes.insert(notes.end(), found.notes.begin(), found.notes.end());
        if (loose == 0) return;
        list_.summary.skipped_other += loose;
        notes.push_back(fmt::format("{} images in {} lie in no class folder and are left out",
                                    loose, options_.root + "/" + prefix));
    }

    const FolderOptions& options_;
    std::string held_out_;
    FileList list_;
};

}  // namespace

FileList list_folders(const FolderOptions& options) {
    return Reader(options).list();
}

}  // namespace sg
