#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "train/data/file_dataset.h"

namespace sg {

/// A pack (.sgpack): the images of a data set, decoded, cropped and resized to one size, as bytes
/// to be mapped into memory. All numbers are little-endian. H x W is the image size, n the number
/// of images, d of labels.
///
///   offset  bytes    preamble
///   0       8        "SGPACK\r\n": a transfer that changes line ends breaks it
///   8       8        version of the format, 1
///   16      8        bytes of the whole file
///   24      8        I, where the index begins: 4096 + n H W 3
///   32      8        J, bytes of the JSON text
///   40      8        Fnv1a of [0, 40), [48, 4096) and [I, end): all but the pixels
///   48      4048     zero
///   4096    n H W 3  pixels: image after image, rows top to bottom, R G B
///                    index
///   I       8 n      per image: Fnv1a of its pixels
///           4 n      per image: height and width of the file it was made of, 2 bytes each
///           n d      per image: labels, 0 or 1
///           n or 0   per image: 1 if held out; missing if the data set marks none
///           N        per image: its name, ending in a zero byte
///   end-J   J        JSON: image_height, image_width, images (n), crop, source, place, content,
///                    group {name, kind, labels}, held_out (are there marks), name_bytes (N),
///                    summary (DataSummary), faults [[place in the listing, reason], ...]
///
/// The index comes last because its length depends on how many files decode.
inline constexpr uint64_t pack_version = 1;
inline constexpr size_t pack_preamble_bytes = 4096;
inline constexpr int pack_max_side = 65535;

/// All of a pack but its pixels.
struct PackIndex {
    ImageSize size;
    FileList list;        ///< of the images that are there, with a complete summary; root is empty
    std::string source;   ///< what was packed: a DataSource with absolute paths, as text
    std::string place;    ///< fingerprint of source, preprocessing and size (pack_cache.h)
    std::string content;  ///< fingerprint of the files
    std::vector<Finding> findings;    ///< of every listed file, those left out included
    std::vector<uint64_t> checksums;  ///< per image
};

size_t pack_image_bytes(ImageSize size);

/// What stands before and after the pixels.
struct PackEnds {
    std::string preamble, index;
};
PackEnds encode_pack(const PackIndex& index);

/// Reads the index of a whole file in memory, whose pixels are not looked at. Throws Error naming
/// `path`: no pack, another version, truncated (with the bytes found and expected), damaged.
PackIndex decode_pack(const std::string& path, std::span<const uint8_t> file);

}  // namespace sg
