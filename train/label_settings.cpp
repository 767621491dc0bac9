#include "train/label_settings.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "kernels/common/error.h"

namespace sg {

namespace {

constexpr double largest_value = 2, rounding = 1e-6;

struct Named {
    LabelLayout::Place place;
    double value;
};

Named parse_one(const LabelLayout& layout, const std::string& part) {
    const size_t equals = part.rfind('=');
    const std::string name = part.substr(0, equals);
    const LabelLayout::Place place = layout.find(name);
    if (equals == std::string::npos) {
        require(layout.groups[place.group].kind == LabelKind::one_hot, "labels",
                "'{}' is not NAME=VALUE", part);
        return {place, 1};
    }
    const std::string text = part.substr(equals + 1);
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    require(!text.empty() && end == text.c_str() + text.size() && std::abs(value) <= largest_value,
            "labels", "'{}': the value is not a number from -2 to 2", part);
    return {place, value};
}

}  // namespace

std::vector<LabelSettings> parse_settings_of_all(const LabelLayout& layout,
                                                 const std::string& text) {
    std::vector<LabelSettings> all(layout.groups.size());
    for (size_t g = 0; g < all.size(); ++g) all[g].group = int(g);
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const auto [place, value] = parse_one(layout, text.substr(begin, end - begin));
        all[place.group].labels.push_back({place.label, value});
        begin = end + 1;
    }
    return all;
}

LabelSettings parse_settings(const LabelLayout& layout, const std::string& text) {
    const LabelSettings* found = nullptr;
    const auto all = parse_settings_of_all(layout, text);
    for (const LabelSettings& one : all) {
        if (one.labels.empty()) continue;
        if (found)
            throw Error(
                "labels",
                fmt::format("'{}' names labels of two data sets, {} and {}", text,
                            layout.groups[found->group].name, layout.groups[one.group].name),
                "G is told the labels of one: translate twice, the second time the result");
        found = &one;
    }
    return *found;
}

std::vector<float> apply_settings(const LabelGroup& group, std::vector<float> own,
                                  const LabelSettings& settings) {
    std::vector<double> asked(own.size()), taken(own.size());  // by the label; by those it excludes
    std::vector<bool> named(own.size());
    for (const auto& [label, value] : settings.labels) {
        require(!named[label] || asked[label] == value, "labels", "{} is set to {} and to {}",
                group.names[label], asked[label], value);
        named[label] = true;
        asked[label] = value;
    }
    for (int i = 0; i < group.dim(); ++i) {
        if (!named[i] || asked[i] <= 0) continue;
        double together = asked[i];
        for (const int other : group.exclusive_with(i)) {
            taken[other] += asked[i];
            if (!named[other] || asked[other] <= 0) continue;
            together += asked[other];
            require(together <= 1 + rounding, "labels",
                    "{} and {} exclude each other, but add up to {}", group.names[i],
                    group.names[other], together);
        }
    }
    for (int i = 0; i < group.dim(); ++i)
        own[i] = float(named[i] ? asked[i] : own[i] * std::max(0.0, 1 - taken[i]));
    const bool classes = group.kind == LabelKind::one_hot;
    require(!classes || std::any_of(own.begin(), own.end(), [](float v) { return v > 0; }),
            "labels", "no class of '{}' is left: say which one it shall be", group.name);
    return own;
}

}  // namespace sg
