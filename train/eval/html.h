#pragma once

#include <span>
#include <string>

#include "train/data/image_io.h"

namespace sg {

// Pieces of a page that needs no other file.

/// Text as HTML shows it, also within quotes. Bytes that are no UTF-8 become '?', control
/// characters spaces.
std::string escape_html(const std::string& text);
std::string base64(std::span<const uint8_t> bytes);
/// An <img> that holds its PNG.
std::string picture_html(const Image& image, const std::string& description);

/// Colours that lines of a chart take in turn: classes c0, c1, ...
inline constexpr size_t kChartColours = 4;

/// A whole document; `title` is text, `body` HTML.
std::string page_html(const std::string& title, const std::string& body);

}  // namespace sg
