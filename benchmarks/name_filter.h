// Which measurements are meant: those in whose name a regular expression is found.
#pragma once

#include <regex>
#include <string>

namespace sg {

class NameFilter {
  public:
    // Everything if `expression` is empty. Throws Error if it is no regular expression
    // (ECMAScript's grammar).
    explicit NameFilter(const std::string& expression);

    bool matches(const std::string& name) const { return std::regex_search(name, expression_); }

  private:
    std::regex expression_;
};

}  // namespace sg
