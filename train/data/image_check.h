#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sg {

/// What the markers of a JPEG say. Also right about the part that is there, if it is cut off.
struct JpegOutline {
    int components = 0;      ///< colour components of the frame; 0 if no frame header is there
    bool has_scan = false;   ///< image data begins
    bool has_end = false;    ///< the end marker is there
    bool bad_table = false;  ///< a Huffman table has more codes than stb_image has room for
};

bool is_jpeg(std::span<const uint8_t> bytes);
JpegOutline outline_jpeg(std::span<const uint8_t> bytes);

/// Damage that stb_image lets pass: it decodes a cut-off JPEG to grey, compares no PNG checksum and
/// reads past the end of a short PNM. `bytes` is the whole file. Empty if nothing is wrong.
std::string find_damage(std::span<const uint8_t> bytes);

}  // namespace sg
