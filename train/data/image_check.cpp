#include "train/data/image_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

namespace sg {
namespace {

using Bytes = std::span<const uint8_t>;

bool starts_with(Bytes bytes, std::string_view signature) {
    return bytes.size() >= signature.size() &&
           std::equal(signature.begin(), signature.end(), bytes.begin(),
                      [](char a, uint8_t b) { return uint8_t(a) == b; });
}

// Where a JPEG's first segment begins: after any number of fill bytes and SOI. 0 if it is none.
size_t after_jpeg_start(Bytes bytes) {
    size_t at = 0;
    while (at < bytes.size() && bytes[at] == 0xFF) ++at;
    return at > 0 && at < bytes.size() && bytes[at] == 0xD8 ? at + 1 : 0;
}

uint32_t big_endian(Bytes bytes, size_t at, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | bytes[at + i];
    return value;
}

// The 16 SOF markers less DHT, JPG and DAC, which share their range.
bool is_frame_header(int marker) {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Markers without a length field: a stuffed zero, TEM, restarts, SOI.
bool stands_alone(int marker) {
    return marker == 0x00 || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
}

// A DHT segment holds tables of a class byte, 16 counts and as many values as these add up to.
bool has_bad_table(Bytes segment) {
    while (!segment.empty()) {
        const Bytes counts = segment.subspan(1).first(std::min<size_t>(segment.size() - 1, 16));
        const size_t codes = std::accumulate(counts.begin(), counts.end(), size_t{0});
        if (codes > 256) return true;
        segment = segment.subspan(std::min(segment.size(), 17 + codes));
    }
    return false;
}

constexpr std::array<uint32_t, 256> make_crc_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    return table;
}

uint32_t crc32(Bytes bytes) {
    static constexpr std::array<uint32_t, 256> table = make_crc_table();
    uint32_t crc = 0xFFFFFFFFu;
    for (const uint8_t byte : bytes) crc = table[(crc ^ byte) & 255] ^ (crc >> 8);
    return ~crc;
}

std::string find_png_damage(Bytes bytes) {
    constexpr size_t kSignature = 8, kFrame = 12;  // a chunk's length, type and checksum
    constexpr uint8_t kAncillary = 0x20;           // lower case: a decoder may ignore the chunk
    size_t at = kSignature;
    while (at + kFrame <= bytes.size()) {
        const uint32_t length = big_endian(bytes, at, 4);
        if (length > bytes.size() - at - kFrame) break;
        const Bytes body = bytes.subspan(at + 4, 4 + size_t{length});
        const std::string type(body.begin(), body.begin() + 4);
        if (!(body[0] & kAncillary) && crc32(body) != big_endian(bytes, at + 8 + length, 4)) {
            return fmt::format("is corrupt: checksum mismatch in PNG chunk {}", type);
        }
        if (type == "IEND") return {};
        at += kFrame + length;
    }
    return "is truncated: PNG data ends before its IEND chunk";
}

// A PNM header is "P5 width height maxval" with one white space before the samples.
std::string find_pnm_damage(Bytes bytes) {
    size_t at = 2;
    std::array<uint64_t, 3> fields{};
    for (uint64_t& field : fields) {
        while (at < bytes.size() && (bytes[at] < '0' || bytes[at] > '9')) {
            if (bytes[at] == '#') {  // a comment lasts to the end of its line
                while (at < bytes.size() && bytes[at] != '\n' && bytes[at] != '\r') ++at;
            } else {
                ++at;
            }
        }
        for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; ++at) {
            field = std::min<uint64_t>(field * 10 + (bytes[at] - '0'), 1u << 24);
        }
    }
    const uint64_t samples = fields[0] * fields[1] * (bytes[1] == '6' ? 3 : 1);
    const uint64_t expected = samples * (fields[2] > 255 ? 2 : 1);
    const uint64_t found = at + 1 < bytes.size() ? bytes.size() - at - 1 : 0;
    if (found >= expected) return {};
    return fmt::format("is truncated: {} bytes of samples, expected {}", found, expected);
}

std::string find_bmp_damage(Bytes bytes) {
    if (bytes.size() < 6) return "is truncated: BMP header is incomplete";
    uint32_t declared = 0;
    for (int i = 3; i >= 0; --i) declared = declared << 8 | bytes[2 + i];
    if (declared <= bytes.size()) return {};
    return fmt::format("is truncated: {} bytes, its header declares {}", bytes.size(), declared);
}

}  // namespace

bool is_jpeg(Bytes bytes) {
    return after_jpeg_start(bytes) > 0;
}

// Segments are skipped by their length, so a thumbnail's own markers inside one do not count.
JpegOutline outline_jpeg(Bytes bytes) {
    JpegOutline outline;
    size_t at = after_jpeg_start(bytes);
    while (at + 1 < bytes.size()) {
        const int marker = bytes[at + 1];
        if (bytes[at] != 0xFF || marker == 0xFF) {  // entropy-coded data, or fill bytes
            ++at;
        } else if (stands_alone(marker)) {
            at += 2;
        } else if (marker == 0xD9) {
            outline.has_end = true;
            break;
        } else {
            if (at + 4 > bytes.size()) break;
            if (marker == 0xDA) outline.has_scan = true;
            if (is_frame_header(marker) && outline.components == 0 && at + 9 < bytes.size()) {
                outline.components = bytes[at + 9];
            }
            const size_t length = big_endian(bytes, at + 2, 2);
            const size_t body = std::min(at + 4, bytes.size());
            const size_t body_length = length > 2 ? std::min(length - 2, bytes.size() - body) : 0;
            if (marker == 0xC4 && has_bad_table(bytes.subspan(body, body_length))) {
                outline.bad_table = true;
            }
            at += 2 + length;
        }
    }
    return outline;
}

std::string find_damage(Bytes bytes) {
    if (is_jpeg(bytes)) {
        const JpegOutline outline = outline_jpeg(bytes);
        if (!outline.has_end) return "is truncated: JPEG data ends before its end marker";
        if (!outline.has_scan) return "is corrupt: JPEG holds no image data";
        return {};
    }
    if (starts_with(bytes, "\x89PNG\r\n\x1A\n")) return find_png_damage(bytes);
    if (starts_with(bytes, "P5") || starts_with(bytes, "P6")) return find_pnm_damage(bytes);
    if (starts_with(bytes, "BM")) return find_bmp_damage(bytes);
    return {};
}

}  // namespace sg
