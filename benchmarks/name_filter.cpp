#include "benchmarks/name_filter.h"

#include <fmt/format.h>

#include "kernels/common/error.h"

namespace sg {

NameFilter::NameFilter(const std::string& expression) {
    try {
        expression_ = std::regex(expression);
    } catch (const std::regex_error& error) {
        throw Error("filter",
                    fmt::format("'{}' is no regular expression: {}", expression, error.what()));
    }
}

}  // namespace sg
