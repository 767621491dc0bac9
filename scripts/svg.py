"""An SVG figure of text, lines and marks, and a logarithmic axis (for plots.py)."""
import html
import math

LIGHT = {"ink": "#1b1f24", "soft": "#5b6470", "paper": "#ffffff", "rule": "#dde2e8", "series": (
    "#0b62c4", "#c2560c", "#1a7f37", "#8a3ab9", "#0a7a85", "#b3261e", "#7a6a00")}
DARK = {"ink": "#e4e8ee", "soft": "#9aa5b1", "paper": "#14171b", "rule": "#2c323a", "series": (
    "#6cb0ff", "#ffa15c", "#6fd08c", "#cf9bf2", "#56c8d2", "#ff9a92", "#d9c65c")}
COLOURS = len(LIGHT["series"])
LETTER = 6  # pixels that one takes in small print
FORMS = """text { font: 12px system-ui, sans-serif; } .small { font-size: 10px; }
.title { font-size: 15px; font-weight: 600; } .line, .roof { fill: none; stroke-width: 1.7; }
.dashed { stroke-dasharray: 5 4; } .reference { stroke-width: 1.5; } .leader { stroke-width: .6; }
"""


def colours(palette):
    """Rules without variables: not every program that shows SVG knows those."""
    rules = ["text { fill: %(ink)s; } .soft { fill: %(soft)s; } .paper { fill: %(paper)s; }",
             ".rule { stroke: %(rule)s; } .roof { stroke: %(ink)s; } .leader { stroke: %(soft)s; }"]
    for i, colour in enumerate(palette["series"]):
        rules.append(f".c{i} {{ fill: {colour}; }} .line.c{i} {{ fill: none; stroke: {colour}; }}")
        rules.append(f".reference.c{i} {{ fill: %(paper)s; stroke: {colour}; }}")
    return "\n".join(rules) % palette + "\n"


STYLE = FORMS + colours(LIGHT) + f"@media (prefers-color-scheme: dark) {{\n{colours(DARK)}}}\n"


def clean(text):
    """Text of an XML file: escaped, without control characters."""
    return html.escape("".join(c if c.isprintable() else " " for c in text))


def short(value):
    """Three digits are enough to read off."""
    digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Figure:
    """Elements on a background of their own, readable on any page."""

    def __init__(self, title, subtitle, width=760, height=500):
        self.width, self.height = width, height
        self.parts = []
        self.add("rect", "paper", x=0, y=0, width=width, height=height)
        self.text(16, 24, title, "title")
        self.text(16, 42, subtitle, "soft")
        self.title = title

    def add(self, tag, css="", content="", tip="", **attributes):
        inner = (f"<title>{clean(tip)}</title>" if tip else "") + clean(content)
        facts = "".join(f' {k}="{f"{v:.1f}" if isinstance(v, float) else v}"'
                        for k, v in attributes.items())
        self.parts.append(f'<{tag} class="{css}"{facts}' + (f">{inner}</{tag}>" if inner else "/>"))

    def text(self, x, y, content, css="", anchor="start", turn=0):
        more = {"transform": f"rotate({turn} {x:.1f} {y:.1f})"} if turn else {}
        self.add("text", css, content, x=float(x), y=float(y), **{"text-anchor": anchor}, **more)

    def line(self, x1, y1, x2, y2, css):
        self.add("line", css, x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2))

    def path(self, points, css):
        self.add("polyline", css, points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points))

    def legend(self, entries, y=62):
        """entries: (text, what draws the mark at x, y)."""
        x = 16
        for text, mark in entries:
            if x + 16 + LETTER * len(text) > self.width:
                x, y = 16, y + 16
            mark(x + 5, y - 4)
            self.text(x + 16, y, text, "small")
            x += 30 + LETTER * len(text)

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img">\n'
                f"<title>{clean(self.title)}</title>\n<style>{STYLE}</style>\n"
                + "\n".join(self.parts) + "\n</svg>\n")


class LogAxis:
    def __init__(self, values, start, end, room=1.4):
        self.low, self.high = min(values) / room, max(values) * room
        self.start, self.end = start, end

    def at(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        """Powers of ten, or more of them if these are too few."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            found = [m * 10.0 ** e for e in decades for m in steps]
            found = [tick for tick in found if self.low <= tick <= self.high]
            if len(found) >= 3:
                break
        return found
