"""Draws the plots of performance.py as SVG text: the same input gives the same bytes."""
import math

from svg import COLOURS, LETTER, Figure, LogAxis, short

DIAGONALS = ((.7, -.7), (.7, .7), (-.7, -.7), (-.7, .7))
AXES = {"image": "height and width of the images, pixels", "batch": "images of a batch",
        "channels": "channels after the first layer", "labels": "labels", "threads": "threads"}


def log_figure(title, subtitle, x_axis, y_axis, x_title, y_title, x_ticks=None):
    figure = Figure(title, subtitle)
    top, bottom = min(y_axis.start, y_axis.end), max(y_axis.start, y_axis.end)
    for tick in x_ticks or x_axis.ticks():
        figure.line(x_axis.at(tick), top, x_axis.at(tick), bottom, "rule")
        figure.text(x_axis.at(tick), bottom + 16, short(tick), "soft", "middle")
    for tick in y_axis.ticks():
        figure.line(x_axis.start, y_axis.at(tick), x_axis.end, y_axis.at(tick), "rule")
        figure.text(x_axis.start - 6, y_axis.at(tick) + 4, short(tick), "soft", "end")
    figure.text((x_axis.start + x_axis.end) / 2, bottom + 36, x_title, "", "middle")
    figure.text(18, (top + bottom) / 2, y_title, "", "middle", turn=-90)
    return figure


class Labels:
    """Puts names next to points where nothing else is."""

    def __init__(self, figure, points):
        self.figure = figure
        self.taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in points]

    def free(self, box):
        left, top, right, bottom = box
        inside = left > 56 and right < self.figure.width - 8 and top > 84
        return inside and bottom < self.figure.height - 48 and not any(
            left < r and l < right and top < b and t < bottom for l, t, r, b in self.taken)

    def put(self, x, y, text, css):
        width = LETTER * len(text) + 2
        for far in (6, 14, 24, 36, 50):
            for dx, dy in ((1, 0), (-1, 0), (0, -1), (0, 1), *DIAGONALS):
                cx, cy = x + dx * (far + width / 2), y + dy * (far + 4)
                box = (cx - width / 2, cy - 5, cx + width / 2, cy + 5)
                if self.free(box):
                    self.taken.append(box)
                    edge = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
                    self.figure.line(x, y, *edge, "leader")
                    self.figure.text(cx, cy + 3.5, text, "small " + css, "middle")
                    return


def key(figure, colour):
    """A legend's mark of a colour."""
    return lambda x, y: figure.add("rect", f"key c{colour}", x=x - 4, y=y - 4, width=8, height=8)


def roofline(title, subtitle, roofs, points):
    """roofs: (name, TB/s or None, TFLOP/s or None); points: dicts of x (FLOP per byte), y
    (TFLOP/s), series, label, tip, reference (true: hollow, of somebody else)."""
    copies = [roof for roof in roofs if roof[1]]
    products = [roof for roof in roofs if roof[2]]
    xs = [p["x"] for p in points] + [p[2] / c[1] for p in products for c in copies]
    tops = [p[2] for p in products] or [min(xs) * c[1] for c in copies]  # no roof is out of sight
    x_axis = LogAxis(xs, 70, 744, 2)
    y_axis = LogAxis([p["y"] for p in points] + tops, 448, 90, 2)
    figure = log_figure(title, subtitle, x_axis, y_axis, "FLOP per byte", "TFLOP/s")
    labels = Labels(figure, [(x_axis.at(p["x"]), y_axis.at(p["y"])) for p in points])
    labels.taken += draw_roofs(figure, x_axis, y_axis, copies, products)
    series = sorted({p["series"] for p in points})
    for p in sorted(points, key=lambda p: not p["reference"]):  # ours on top
        x, y = x_axis.at(p["x"]), y_axis.at(p["y"])
        css = f"c{series.index(p['series']) % COLOURS}"
        figure.add("circle", f"{'reference' if p['reference'] else 'point'} {css}", cx=x, cy=y,
                   r=4, tip=p["tip"])
        if not p["reference"]:
            labels.put(x, y, p["label"], css)
    figure.legend([(name, key(figure, i % COLOURS)) for i, name in enumerate(series)])
    return figure.svg()


def draw_roofs(figure, x_axis, y_axis, copies, products):
    """Returns the boxes of the roofs' names."""
    boxes = []
    most = max((p[2] for p in products), default=y_axis.high)
    for i, (name, rate, _) in enumerate(copies):
        left, right = max(x_axis.low, y_axis.low / rate), min(most / rate, x_axis.high)
        if left >= right:
            continue
        ends = [(x_axis.at(x), y_axis.at(x * rate)) for x in (left, right)]
        figure.path(ends, "roof dashed" if i else "roof")
        (x1, y1), (x2, y2) = ends
        turn = round(math.degrees(math.atan2(y2 - y1, x2 - x1)), 1)
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 - 5
        figure.text(x, y, f"{name} {short(rate)} TB/s", "small", "middle", turn)
        boxes.append((x - 40, y - 26, x + 40, y + 26))
    widest = max((c[1] for c in copies), default=None)
    for name, _, rate in products:
        left = max(x_axis.low, rate / widest) if widest else x_axis.low
        y, text = y_axis.at(rate), f"{name} {short(rate)} TFLOP/s"
        figure.path([(x_axis.at(left), y), (x_axis.end, y)], "roof")
        figure.text(x_axis.end - 4, y - 5, text, "small", "end")
        boxes.append((x_axis.end - LETTER * len(text), y - 15, x_axis.end, y))
    return boxes


def step_of(most):
    """A round number of which a few make up the most."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * m for m in (.2, .5, 1, 2) if most / (power * m) <= 6)


def ladder(title, subtitle, unit, bars):
    """bars: (name, value, note, true for a reference)."""
    row, left, right = 26, 190, 640
    figure = Figure(title, subtitle, height=130 + row * len(bars))
    most = max(value for _, value, _, _ in bars)
    step, top, bottom = step_of(most), 82, 82 + row * len(bars)
    for i in range(math.floor(most / step + 1e-9) + 1):
        x = left + (right - left) * i * step / most
        figure.line(x, top - 4, x, bottom, "rule")
        figure.text(x, bottom + 16, short(i * step), "soft", "middle")
    figure.text((left + right) / 2, bottom + 36, unit, "", "middle")
    for i, (name, value, note, reference) in enumerate(bars):
        y, width = top + row * i, max(1.0, (right - left) * value / most)
        figure.text(left - 8, y + 15, name if len(name) < 28 else name[:26] + "...", "", "end")
        figure.add("rect", "bar c1" if reference else "bar c0", x=left, y=y + 2, width=width,
                   height=row - 8, tip=f"{name}: {short(value)} {unit}")
        figure.text(left + width + 6, y + 15, f"{short(value)} {note}", "small")
    figure.legend([(name, key(figure, colour)) for name, colour, reference in
                   (("our versions", 0, False), ("references", 1, True))
                   if any(bar[3] == reference for bar in bars)])
    return figure.svg()


def scaling(title, subtitle, axis, unit, points, exponent, model):
    """points: (x, y); exponent of the fitted line or None; model: (x, y), may be empty."""
    x_axis = LogAxis([x for x, _ in points], 70, 730, 1.15)
    y_axis = LogAxis([y for _, y in [*points, *model]], 448, 80)
    figure = log_figure(title, subtitle, x_axis, y_axis, AXES.get(axis, axis), unit,
                        sorted({x for x, _ in points}))
    def on_page(line):
        return [(x_axis.at(x), y_axis.at(y)) for x, y in line]

    def mark(css):
        return lambda x, y: figure.path([(x - 6, y), (x + 6, y)], css)

    keys = [("measured", lambda x, y: figure.add("circle", "key c0", cx=x, cy=y, r=4))]
    if model:
        figure.path(on_page(model), "line dashed c1")
        keys.append(("model", mark("line dashed c1")))
    if exponent is not None:
        level = sum(math.log(y) - exponent * math.log(x) for x, y in points) / len(points)
        ends = [min(x for x, _ in points), max(x for x, _ in points)]
        figure.path(on_page([(x, math.exp(level) * x ** exponent) for x in ends]), "line c0")
        keys.append((f"fitted power {short(exponent)}", mark("line c0")))
    for (x, y), (px, py) in zip(points, on_page(points)):
        figure.add("circle", "point c0", cx=px, cy=py, r=4, tip=f"{short(x)}: {short(y)} {unit}")
    figure.legend(keys)
    return figure.svg()
