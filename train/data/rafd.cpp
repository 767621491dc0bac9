#include "train/data/rafd.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "kernels/common/error.h"
#include "train/data/shuffle.h"
#include "train/data/text_rows.h"

namespace sg {
namespace {

constexpr const char* kOperation = "rafd";
constexpr const char* kExpected =
    "expected Rafd<angle>_<person>_<group>_<gender>_<expression>_<gaze>, e.g. "
    "Rafd090_01_Caucasian_female_angry_frontal.jpg";
constexpr std::array<std::string_view, 8> kExpressions = {
    "angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"};

struct RafdName {
    int angle = 0;
    std::string person, expression, gaze;
};

// What a path's file name says, or why it says nothing.
std::optional<RafdName> parse_name(const std::string& path, std::string& reason) {
    const std::string_view file = std::string_view(path).substr(path.rfind('/') + 1);
    std::string_view rest = file.substr(0, file.rfind('.'));
    std::vector<std::string_view> parts;
    for (size_t end = 0; end != std::string_view::npos;) {
        end = rest.find('_');
        parts.push_back(rest.substr(0, end));
        if (end != std::string_view::npos) rest.remove_prefix(end + 1);
    }
    const bool empty_part =
        std::any_of(parts.begin(), parts.end(), [](auto p) { return p.empty(); });
    const bool rafd = parts[0].starts_with("Rafd");
    const auto angle = rafd ? parse_integer(parts[0].substr(4)) : std::nullopt;
    if (parts.size() != 6 || empty_part || !angle || *angle < 0 || *angle > 360) {
        reason = std::string("is named otherwise: ") + kExpected;
        return std::nullopt;
    }
    if (std::find(kExpressions.begin(), kExpressions.end(), parts[4]) == kExpressions.end()) {
        reason =
            fmt::format("expression '{}' is none of {}", parts[4], fmt::join(kExpressions, ", "));
        return std::nullopt;
    }
    return RafdName{int(*angle), std::string(parts[1]), std::string(parts[4]),
                    std::string(parts[5])};
}

template <class Key>
std::string counts_line(const std::map<Key, int64_t>& counts) {
    std::string line;
    for (const auto& [key, count] : counts)
        line += fmt::format("{}{} ({})", line.empty() ? "" : ", ", key, count);
    return line;
}

class Reader {
  public:
    explicit Reader(const RafdOptions& options) : options_(options) {
        list_.root = options.root;
        list_.crop = options.crop;
        list_.group = {options.name, LabelKind::one_hot, {}};
        list_.summary.source = fmt::format("rafd {}", options.root);
        chosen_ = options.angles.empty() ? std::vector<int>{45, 90, 135} : options.angles;
    }

    FileList list() {
        FoundFiles found = find_images(kOperation, options_.root);
        list_.summary.skipped_other = int64_t(found.skipped.size());
        list_.summary.skipped = std::move(found.skipped);
        list_.summary.notes = std::move(found.notes);
        for (const std::string& image : found.images) add(image);
        refuse_if_empty(found.images);
        std::set<std::string> classes(expressions_.begin(), expressions_.end());
        list_.group.names.assign(classes.begin(), classes.end());
        for (const std::string& expression : expressions_)
            for (const std::string& name : list_.group.names)
                list_.labels.push_back(name == expression);
        add_notes();
        return std::move(list_);
    }

  private:
    void skip(int64_t& counter, const std::string& image, std::string reason, bool on_purpose) {
        ++counter;
        list_.summary.skipped.push_back(
            {join_path(options_.root, image), std::move(reason), on_purpose});
    }

    void add(const std::string& image) {
        std::string reason;
        const std::optional<RafdName> name = parse_name(image, reason);
        if (!name) return skip(list_.summary.misnamed, image, reason, false);
        ++angles_[name->angle];
        if (std::find(chosen_.begin(), chosen_.end(), name->angle) == chosen_.end()) {
            reason = fmt::format("camera angle {} is not among {}", name->angle,
                                 fmt::join(chosen_, ", "));
            return skip(list_.summary.not_selected, image, reason, true);
        }
        ++gazes_[name->gaze];
        list_.names.push_back(image);
        expressions_.push_back(name->expression);
    }

    void refuse_if_empty(const std::vector<std::string>& images) const {
        if (angles_.empty()) {
            throw Error(
                kOperation,
                fmt::format("{}: none of {} images is named as RaFD's are{}", options_.root,
                            images.size(), images.empty() ? "" : "; the first is " + images[0]),
                kExpected);
        }
        for (const int angle : chosen_) {
            // Without a choice of the user's any of the three angles is enough.
            if (angles_.contains(angle) || (options_.angles.empty() && !list_.names.empty()))
                continue;
            throw Error(kOperation,
                        fmt::format("{}: no image has camera angle {}", options_.root, angle),
                        "there are " + counts_line(angles_) + "; choose with angles=A+B");
        }
    }

    void add_notes() {
        auto& notes = list_.summary.notes;
        notes.push_back(fmt::format("camera angles (images): {}; used: {}", counts_line(angles_),
                                    fmt::join(chosen_, ", ")));
        notes.push_back("gazes (images used): " + counts_line(gazes_));
        if (list_.summary.misnamed == 0) return;
        notes.push_back(fmt::format("{} images are named otherwise and left out: {}",
                                    list_.summary.misnamed, kExpected));
    }

    const RafdOptions& options_;
    std::vector<int> chosen_;
    std::map<int, int64_t> angles_;         // of all images
    std::map<std::string, int64_t> gazes_;  // of the items
    std::vector<std::string> expressions_;  // per item
    FileList list_;
};

}  // namespace

FileList list_rafd(const RafdOptions& options) {
    return Reader(options).list();
}

void hold_out_persons(FileList& list, uint64_t seed) {
    std::vector<std::string> person_of;
    for (const std::string& name : list.names) {
        std::string reason;
        const auto parsed = parse_name(name, reason);
        require(parsed.has_value(), kOperation, "{}: {}", name, reason);
        person_of.push_back(parsed->person);
    }
    const std::set<std::string> found(person_of.begin(), person_of.end());
    const std::vector<std::string> persons(found.begin(), found.end());
    if (persons.size() < 2) {
        list.summary.notes.push_back("all images show one person: held-out images show it too");
        return;
    }
    std::vector<int64_t> drawn = permutation({seed, RngPurpose::split, 0}, int64_t(persons.size()));
    drawn.resize(std::max<size_t>(1, persons.size() / 10));
    std::set<std::string> held_out;
    for (const int64_t person : drawn) held_out.insert(persons[size_t(person)]);
    list.held_out.clear();
    for (const std::string& person : person_of) list.held_out.push_back(held_out.contains(person));
    list.summary.notes.push_back(fmt::format("held out: {} of {} persons: {}", held_out.size(),
                                             persons.size(), fmt::join(held_out, ", ")));
}

}  // namespace sg
