"""The sections of performance.py's page: each chooses its records and makes tables and plots."""
import re

import plots
import records
import tables
from svg import short

RESULTS = "benchmarks/results"


def not_run(command):
    return f"Not yet run: `{command}`"


def bench(arguments, name):
    return f"sg_bench {arguments} --json {RESULTS}/{name}.json"


class Page:
    """The page and its pictures: text and SVG by file name."""

    def __init__(self, known):
        self.records, self.pictures, self.shown = known, {}, set()

    def of(self, kind, device):
        return [r for r in self.records if r.kind == kind and r.device == device]

    def picture(self, kind, record, words, alt, svg):
        """Its place on the page."""
        stem = "_".join([kind, *(re.sub("[^a-z0-9]+", "-", word.lower()).strip("-")
                                 for word in (record.device_name, *words))])
        name, count = f"{stem}.svg", 1
        while name in self.pictures:
            count += 1
            name = f"{stem}_{count}.svg"
        self.pictures[name] = svg
        return f"![{tables.cell(alt)}](images/performance/{name})"

    def head(self, record):
        self.shown.add(record.key())
        return f"{tables.caption(record)}\n\n{tables.block('sg_bench ' + ' '.join(record.words))}"

    def each(self, found, command, body):
        """body(record) after each one's caption; the command if there is none."""
        parts = [part for r in found for part in (self.head(r), *body(r))]
        return "\n\n".join(parts) if parts else not_run(command)

    def ceilings(self, device):
        return self.each(self.of("ceilings", device),
                         bench(f"ceilings --device {device}", f"ceilings_{device}"),
                         lambda record: [tables.ceilings(record)])

    def kernels(self, name, device):
        what = "kernel" if "_" in name else "suite"
        found = [r for r in self.of("kernels", device) if name == r.option("--suite")
                 or not r.option("--suite") and name in [c["kernel"] for c in r.data["cases"]]]
        return self.each(found, bench(f"kernels --device {device} --{what} {name}",
                                      f"kernels_{name}_{device}"),
                         lambda record: [tables.kernels(record), *self.rooflines(record, name)])

    def roofs(self, record, precision):
        """The ceilings of the record, or else the latest of its machine."""
        named = sorted((r for r in self.of("ceilings", record.device)
                        if r.device_name == record.device_name), key=lambda r: (r.date, r.file))
        for source in (record, *reversed(named)):
            values = {c["name"]: c["value"] for c in source.data.get("ceilings") or []
                      if c.get("value")}
            if values:
                break
        product = f"matrix product {precision}"
        roofs = [(name, values[name], None) for name in ("copy", "cached copy") if name in values]
        return roofs + ([(product, None, values[product])] if product in values else [])

    def rooflines(self, record, name):
        """A picture for each precision that has points."""
        parts = []
        for precision in dict.fromkeys(case["precision"] for case in record.data["cases"]):
            points = [point for case in record.data["cases"] if case["precision"] == precision
                      for point in roofline_points(case)]
            if points:
                title = f"{name}, {precision}: kernels under the roofs"
                svg = plots.roofline(title, f"{record.device_name}; hollow: references",
                                     self.roofs(record, precision), points)
                parts.append(self.picture("roofline", record, (name, precision), title, svg))
        return parts

    def ladder(self, kernel, device):
        best = {}
        for record in self.of("kernels", device):
            for case in record.data["cases"]:
                bars = ladder_bars(case, device) if case["kernel"] == kernel else []
                if sum(not reference for _, _, _, reference in bars) < 2:
                    continue
                rank = (len(bars), case["flops"], case["bytes"], record.date, record.file)
                key = (record.device_name, case["precision"])
                if key not in best or rank > best[key][0]:
                    best[key] = (rank, record, case, bars)
        layer = " --layer res" if kernel.startswith("conv_") else ""
        parts = [self.one_ladder(*best[key][1:]) for key in sorted(best)]
        return "\n\n".join(parts) if parts else not_run(
            bench(f"kernels --device {device} --kernel {kernel}{layer}", f"{kernel}_{device}"))

    def one_ladder(self, record, case, bars):
        sim = record.device == "sim"
        title = f"{case['kernel']}, {case['precision']}: versions"
        svg = plots.ladder(title, f"{record.device_name}; {tables.where(case)}",
                           "MB moved" if sim else "ms", bars)
        picture = self.picture("ladder", record, (case["kernel"], case["precision"], record.device),
                               title, svg)
        named = f"`{case['kernel']}`, {case['precision']}, {tables.cell(tables.where(case))}:"
        return "\n\n".join([self.head(record), named, tables.ladder(case, sim), picture])

    def step(self, network, device):
        def cases(record):
            return [c for c in record.data["cases"] if records.network_of(c["config"]) == network]

        found = [record for record in self.of("step", device) if cases(record)]
        return self.each(found, bench(f"step --device {device}{records.step_flags(network)}",
                                      f"step_{network}_{device}"),
                         lambda record: [tables.step(cases(record))])

    def scale(self, device):
        def body(record):
            for case in record.data["cases"]:
                yield tables.scale(case)
                if case["points"]:
                    yield self.scaling(record, case)

        return self.each(self.of("scale", device), bench(f"scale --device {device}",
                                                         f"scale_{device}"), body)

    def scaling(self, record, case):
        points = [(p["x"], p["iteration_ms"]) for p in case["points"]]
        model = [(p["x"], p["model_ms"]) for p in case["points"] if p.get("model_ms")]
        title = f"{case['axis']}, {case['precision']}: how an iteration's time grows"
        svg = plots.scaling(title, record.device_name, case["axis"], "ms", points,
                            case.get("exponent"), model)
        return self.picture("scale", record, (case["axis"], case["precision"]), title, svg)

    def loader(self, device):
        return self.each(self.of("loader", device),
                         bench(f"loader --device {device}", f"loader_{device}"),
                         lambda record: [tables.loader(record)])

    def peers(self, network, device):
        parts = []
        for kind, show in (("comparison", tables.comparison), ("contest", tables.contest)):
            for record in self.of(kind, device):
                if records.network_of(record.data["config"]) == network:
                    self.shown.add(record.key())
                    parts += [tables.caption(record), tables.block(peers_command(record, network)),
                              show(record)]
        flags = (" --device cuda" if device == "cuda" else "") + records.step_flags(network)
        return "\n\n".join(parts) or not_run(
            "scripts/compare_peers.sh" + (f" --{flags}" if flags else ""))


# Of compare_peers.sh.
DEFAULT_MODES = ["eager-f32", "ours-f32", "amp-bf16", "amp-channels-last", "ours"]


def peers_command(record, network):
    """What made the record: the file has no command line, but all that it depends on.

    Records without modes are of an older compare_peers.sh, which timed precisions and layouts.
    """
    d, flags = record.data, records.step_flags(network)
    flags = (" --device cuda" if record.device == "cuda" else "") + flags
    common = "".join(f" --{key} {d[key]}" for key in ("warmup", "repeats", "threads")
                     if d.get(key) is not None)
    if record.kind == "comparison":
        modes = list(dict.fromkeys(e["mode"] for e in d["entries"] if e.get("mode")))
        if not modes:
            return (f"scripts/compare_peers.sh --rounds {d['rounds']}{common}"
                    + (f" --{flags}" if flags else "") + "  # as it was then: without --modes")
        chosen = f" --modes {','.join(modes)}" if modes != DEFAULT_MODES else ""
        return (f"scripts/compare_peers.sh --rounds {d['rounds']}{common}{chosen}"
                + (f" --{flags}" if flags else ""))
    modes = ",".join(mode["mode"] for mode in d["modes"])
    return f"python3 benchmarks/peers/torch_stargan.py --mode {modes}{common}{flags}"


def roofline_points(case):
    """Of our fastest version and of the fastest reference."""
    points = []
    for ours in (True, False):
        for row in tables.measured(case, ours)[:1]:
            if case["flops"] > 0 and case["bytes"] > 0:
                speed = case["flops"] / 1e9 / row["median_ms"]
                points.append({
                    "x": case["flops"] / case["bytes"], "y": speed, "series": case["kernel"],
                    "label": case.get("layer") or case["shape"].split(" ")[0],
                    "reference": not ours,
                    "tip": f"{case['kernel']}, {tables.where(case)}, {row['name']}: "
                           f"{short(speed)} TFLOP/s"})
    return points


def ladder_bars(case, device):
    """(name, value, note, whether it is a reference) of each row that has a value."""
    rows = [row for row in case["rows"] if not row.get("skipped")]
    rows.sort(key=lambda row: (row["version"] == 0, row["version"]))
    bars = []
    for row in rows:
        value = (tables.SECTOR * row["sectors"] / 1e6 if device == "sim" else row["median_ms"])
        first = bars[0][1] if bars else value
        name = f"{row['version']} {row['name']}" if row["version"] else row["name"]
        bars.append((name, value, f"({short(first / value)}x)", row["version"] == 0))
    return bars
