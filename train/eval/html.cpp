#include "train/eval/html.h"

#include "kernels/common/error.h"
#include "train/config.h"

namespace sg {

namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --paper: #ffffff;
  --panel: #f4f6f8; --rule: #d5dae0; --accent: #0b62c4; --alarm: #b3261e; --alarm-paper: #fdeceb;
  --good: #1a7f37; --c0: #0b62c4; --c1: #c2560c; --c2: #1a7f37; --c3: #8a3ab9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #9aa5b1; --paper: #14171b;
  --panel: #1d2127; --rule: #363d46; --accent: #6cb0ff; --alarm: #ff9a92; --alarm-paper: #3a1d1b;
  --good: #6fd08c; --c0: #6cb0ff; --c1: #ffa15c; --c2: #6fd08c; --c3: #cf9bf2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem;
  border-bottom: 1px solid var(--rule); } h3 { font-size: 1rem; margin: 1.8rem 0 .2rem; }
p { margin: .3rem 0 .7rem; } .soft { color: var(--soft); font-size: .9rem; max-width: 60rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.numbers { font-size: .9rem; min-width: 24rem; }
.numbers th, .numbers td { padding: .25rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
.numbers th:first-child { text-align: left; } .numbers thead th { color: var(--soft); }
.numbers tbody th { font-weight: 500; } .numbers tbody tr:last-child { background: var(--panel); }
.pictures th { font-weight: 500; font-size: .8rem; color: var(--soft); padding: .2rem .3rem; }
.pictures td { padding: 1px; } .pictures img { width: 112px; } .case img { width: 78px; }
img { display: block; height: auto; }
.finding { background: var(--alarm-paper); color: var(--alarm); border-left: 4px solid
  var(--alarm); padding: .6rem .9rem; margin: .6rem 0; font-weight: 600; }
.cases { display: flex; flex-wrap: wrap; gap: .8rem; }
.case { margin: 0; padding: .5rem; background: var(--panel); border-top: 3px solid var(--alarm); }
.case.best { border-top-color: var(--good); } .case div { display: flex; gap: 2px; }
.case figcaption { font-size: .8rem; color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
.chart { margin: 0; padding: .6rem; background: var(--panel); } .chart svg { width: 100%;
  height: auto; display: block; } .chart figcaption { font-size: .85rem; }
.chart text { fill: var(--soft); font-size: 12px; } .rule { stroke: var(--rule); }
.axis { stroke: var(--soft); fill: none; } .line { fill: none; stroke-width: 1.8;
  stroke-linejoin: round; }
.key { margin-left: .8rem; white-space: nowrap; } .key i { display: inline-block; width: 1rem;
  height: .2rem; margin-right: .3rem; vertical-align: middle; }
.line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); }
.line.c3 { stroke: var(--c3); } i.c0 { background: var(--c0); } i.c1 { background: var(--c1); }
i.c2 { background: var(--c2); } i.c3 { background: var(--c3); }
)";

}  // namespace

std::string escape_html(const std::string& text) {
    const bool utf8 = is_utf8(text);
    std::string escaped;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '&') {
            escaped += "&amp;";
        } else if (c == '<') {
            escaped += "&lt;";
        } else if (c == '>') {
            escaped += "&gt;";
        } else if (c == '"') {
            escaped += "&quot;";
        } else if (c == '\'') {
            escaped += "&#39;";
        } else if (byte < 0x20 || byte == 0x7f) {
            escaped += ' ';
        } else {
            escaped += utf8 || byte < 0x80 ? c : '?';
        }
    }
    return escaped;
}

std::string base64(std::span<const uint8_t> bytes) {
    constexpr const char* digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t left = bytes.size() - i;
        const uint32_t three = uint32_t(bytes[i]) << 16 |
                               (left > 1 ? uint32_t(bytes[i + 1]) << 8 : 0) |
                               (left > 2 ? uint32_t(bytes[i + 2]) : 0);
        text += digits[three >> 18];
        text += digits[three >> 12 & 63];
        text += left > 1 ? digits[three >> 6 & 63] : '=';
        text += left > 2 ? digits[three & 63] : '=';
    }
    return text;
}

std::string picture_html(const Image& image, const std::string& description) {
    return fmt::format(
        "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" alt=\"{}\">",
        base64(encode_png(image)), image.width, image.height, escape_html(description));
}

std::string page_html(const std::string& title, const std::string& body) {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        escape_html(title), kStyle, body);
}

}  // namespace sg
