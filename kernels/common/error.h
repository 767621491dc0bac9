#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace sg {

/// The one exception of the project. `operation` says who refuses ("conv2d", "checkpoint"), `fact`
/// what was found and what was expected, `hint` (may be empty) what the caller can do about it.
/// what() joins the three: "conv2d: input has 3 channels, weight expects 8 (hint: ...)".
class Error : public std::runtime_error {
  public:
    Error(std::string operation, std::string fact, std::string hint = {})
        : std::runtime_error(hint.empty()
                                 ? fmt::format("{}: {}", operation, fact)
                                 : fmt::format("{}: {} (hint: {})", operation, fact, hint)),
          operation_(std::move(operation)),
          fact_(std::move(fact)),
          hint_(std::move(hint)) {}

    const std::string& operation() const { return operation_; }
    const std::string& fact() const { return fact_; }
    const std::string& hint() const { return hint_; }

  private:
    std::string operation_, fact_, hint_;
};

/// A device that can do nothing any more: whoever goes on with other work there only hides the
/// cause.
class LostDevice : public Error {
  public:
    using Error::Error;
};

/// Throws Error(operation, formatted fact) unless `condition` holds.
template <class... Args>
void require(bool condition, const char* operation, fmt::format_string<Args...> fact,
             Args&&... args) {
    if (!condition) throw Error(operation, fmt::format(fact, std::forward<Args>(args)...));
}

}  // namespace sg
