"""The tables of performance.py, as Markdown. A record's data are as records.py has checked them."""
import math
import re
import textwrap
from urllib.parse import quote

SECTOR = 32  # bytes: a GPU moves memory in these


def cell(text):
    """A cell must not end its row or column, nor be taken for HTML."""
    text = "".join(c if c.isprintable() else " " for c in str(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").strip()


def table(header, rows):
    lines = [[cell(c) for c in row] for row in [header, *rows]]
    text = ["|" + "".join(f" {c} |" if c else " |" for c in line) for line in lines]
    return "\n".join([text[0], "|" + "---|" * len(header), *text[1:]])


def figure(value):
    """Three digits: more than that no machine repeats. "-" if there is no value."""
    if value is None:
        return "-"
    if value == 0 or abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def percent(share):
    return "-" if share is None else f"{100 * share:.0f} %"


def factor(value):
    return "-" if value is None else f"{value:.2f}x"


def clocks(environment):
    names = (("clock_mhz", "{:.0f} MHz"), ("memory_clock_mhz", "memory {:.0f} MHz"))
    return [form.format(environment[key]) for key, form in names if environment.get(key)]


def caption(record):
    """On what a table was measured, by which program, when, and the command."""
    e = record.environment
    machine = [f"**{cell(record.device_name)}**"]
    if e.get("threads"):
        machine.append(f"{e['threads']} thread{'s' if e['threads'] > 1 else ''}")
    machine += [cell(e["isa"])] if e.get("isa") else []
    program = [f"version {cell(e['version'])}"] if e.get("version") else []
    if e.get("commit"):
        program.append(f"commit {cell(e['commit'])}{' and changes' if e.get('modified') else ''}")
    program += [record.date[:10]] if record.date else []
    built = [f"compiler {cell(e['compiler'])}"] if e.get("compiler") else []
    built += [f"{cell(name)} {cell(value)}" for name, value in (e.get("libraries") or {}).items()]
    parts = [", ".join(part) for part in (machine + clocks(e), program, built) if part]
    return textwrap.fill(f"{'; '.join(parts)} ([record](../{quote(record.file)})):", 100,
                         break_long_words=False, break_on_hyphens=False)


def block(command):
    return f"```sh\n{command}\n```"


def measured(case, ours):
    """The rows with times, our versions or the references, fastest first."""
    rows = [row for row in case["rows"]
            if row.get("median_ms") and (row["version"] != 0) == ours]
    return sorted(rows, key=lambda row: (row["median_ms"], -row["version"]))


def rates(case, row):
    """GB/s and TFLOP/s of what the case has to do at least; None if it has nothing of the kind."""
    ms = row["median_ms"]
    return (case["bytes"] / 1e6 / ms or None), (case["flops"] / 1e9 / ms or None)


def spread(row):
    outliers = row.get("outliers")
    return percent(row.get("spread")) + (f" ({outliers})" if outliers else "")


def where(case):
    return f"{case['layer']}: {case['shape']}" if case.get("layer") else case["shape"]


KERNELS = ["kernel", "case", "precision", "version", "ms", "spread", "warm ms", "GB/s", "TFLOP/s",
           "of ceiling", "of floor", "reference, ms", "ratio"]


def kernel_row(case):
    """Our fastest version against the fastest reference."""
    start = [case["kernel"], where(case), case["precision"]]
    ours, others = measured(case, True), measured(case, False)
    if case.get("error") or not ours:
        reasons = [row["skipped"] for row in case["rows"] if row.get("skipped")]
        said = f"failed: {case['error']}" if case.get("error") else "not run: " + "; ".join(reasons)
        return start + [said] + ["-"] * (len(KERNELS) - 4)
    row, other = ours[0], others[0] if others else None
    ratio = row.get("ratio") or (other and other["median_ms"] / row["median_ms"])
    return start + [row["name"], figure(row["median_ms"]), spread(row), figure(row.get("warm_ms")),
                    *map(figure, rates(case, row)), percent(row.get("of_ceiling")),
                    percent(row.get("of_floor")),
                    f"{other['name']} {figure(other['median_ms'])}" if other else "-",
                    factor(ratio)]


def kernels(record):
    cases = record.data["cases"]
    if record.device == "sim":
        parts = [table(["kernel", "case", "precision", *COUNTS],
                       [line for case in cases for line in counted_rows(case)])]
    else:
        parts = [table(KERNELS, [kernel_row(case) for case in cases])]
    if record.data.get("left"):
        parts.append(f"{record.data['left']} more cases were not started for lack of time.")
    return "\n\n".join(parts)


COUNTS = ["version", "", "MB moved", "bank conflicts", "barriers"]


def count_cells(row):
    if row.get("skipped"):
        return [row["version"] or "", row["name"], f"not run: {row['skipped']}", "-", "-"]
    return [row["version"] or "", row["name"], figure(SECTOR * row["sectors"] / 1e6),
            *(f"{row.get(key, '-')}" for key in ("bank_conflicts", "barriers"))]


def counted_rows(case):
    start = [case["kernel"], where(case), case["precision"]]
    if case.get("error"):
        return [[*start, "", f"failed: {case['error']}", "-", "-", "-"]]
    return [[*start, *count_cells(row)] for row in case["rows"]]


def ladder(case, sim):
    """Every version of one case, in the order of the ladder, then the references."""
    rows = sorted(case["rows"], key=lambda row: (row["version"] == 0, row["version"]))
    if sim:
        return table([*COUNTS, "what it does"],
                     [[*count_cells(row), row.get("what") or ""] for row in rows])
    cells = []
    for row in rows:
        start = [row["version"] or "", row["name"]]
        if row.get("skipped"):
            cells.append([*start, f"not run: {row['skipped']}", *["-"] * 5])
        else:
            cells.append([*start, figure(row["median_ms"]), spread(row),
                          *map(figure, rates(case, row)), percent(row.get("of_ceiling")),
                          row.get("what") or ""])
    return table(["version", "", "ms", "spread", "GB/s", "TFLOP/s", "of ceiling", "what it does"],
                 cells)


def ceilings(record):
    rows = [[c["name"], f"{figure(c['value'])} {c.get('unit') or ''}" if c.get("value")
             else "not measured", c.get("what") or c.get("missing") or ""]
            for c in record.data.get("ceilings") or []]
    return table(["ceiling", "", "measured with"], rows)


def step(cases):
    """The cases of one network; then what their stages take."""
    rows = [[case["precision"], case["step"],
             *(figure(case.get(key)) for key in ("d_step_ms", "g_step_ms", "iteration_ms")),
             percent(case.get("spread")),
             *(figure(case.get(key)) for key in ("tensor_peak_mb", "peak_rss_mb"))]
            for case in cases]
    parts = [table(["precision", "step", "D step ms", "G step ms", "iteration ms", "spread",
                    "tensors MB", "process MB"], rows)]
    staged = [case for case in cases if case.get("stages")]
    if staged:
        parts.append(stages(staged))
    return "\n\n".join(parts)


def stages(cases):
    """One row per stage, in the order in which the first case that has it names it."""
    columns = [{(s["in"], s["name"]): s for s in case["stages"]} for case in cases]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = []
    for inside, name in names:
        found = [column.get((inside, name)) for column in columns]
        rows.append([inside, name, *("-" if s is None else figure(s["ms"]) +
                     (f" ({percent(s['share'])})" if s.get("share") is not None else "")
                     for s in found)])
    heads = [f"{case['precision']}, {case['step']}: ms" for case in cases]
    return table(["of", "stage", *heads], rows)


def scale(case):
    keys = ("d_step_ms", "g_step_ms", "iteration_ms", "model_ms")
    rows = [[f"{point['x']:g}", *(figure(point.get(key)) for key in keys)]
            for point in case["points"]]
    parts = [table([case["axis"], "D step ms", "G step ms", "iteration ms", "model ms"], rows)]
    if case.get("exponent") is not None:
        expected = case.get("model_exponent")
        parts.append(f"{cell(case['precision'])}: the time grows with the power "
                     f"{case['exponent']:.2f} of {cell(case['axis'])}"
                     + (f"; the model expects {expected:.2f}." if expected is not None else "."))
    if case.get("departures"):
        parts.append("\n".join(f"- {cell(departure)}" for departure in case["departures"]))
    return "\n\n".join(parts)


def loader(record):
    return table(["data set", "", "median", "min", "max"],
                 [[case.get("data") or "", f"{case['name']}, {case['unit']}",
                   *(figure(case[key]) for key in ("median", "min", "max"))]
                  for case in record.data["cases"]])


def peer_name(entry, version=re.compile(r"torch (\d+\.\d+)")):
    """"this engine, f32", "PyTorch 2.11, ours-f32", or of older records "PyTorch 2.11, bf16"."""
    found = version.match(entry["name"])
    name = f"PyTorch {found[1]}" if found else "this engine"
    layout = ", channels last" if entry.get("channels_last") else ""
    return f"{name}, {entry.get('mode') or entry['precision'] + layout}"


def comparison(record):
    rows = []
    for entry in record.data["entries"]:
        m, ours = entry["median"], entry["name"] == "sg"
        low, high = entry["iteration_ratio_range"]
        rows.append([peer_name(entry), *(figure(m.get(key)) for key in
                     ("d_step_ms", "g_step_ms", "iteration_ms", "peak_rss_mb")),
                     figure(entry["best"]["iteration_ms"]),
                     "" if ours else f"{entry['ratio']['iteration_ms']:.2f} "
                                     f"({low:.2f} to {high:.2f})",
                     "" if ours else f"{entry['best_ratio']:.2f}"])
    return table(["", "D step ms", "G step ms", "iteration ms", "peak memory MB",
                  "best iteration ms", "ratio, median (by round)", "ratio of the best"], rows)


def contest(record):
    rows = []
    for mode in record.data["modes"]:
        times = [mode.get(f"iteration_{key}ms") for key in ("", "min_", "max_")]
        said = mode["status"] + (f": {mode['reason']}" if mode.get("reason") else "")
        ratio = mode.get("ratio")
        rows.append([mode["mode"], said, *map(figure, times), figure(mode.get("peak_device_mb")),
                     f"{ratio['median']:.2f} of {ratio['to']}" if ratio else "-"])
    return table([f"PyTorch {record.data['torch']}", "", "iteration ms", "min", "max",
                  "device MB", "time"], rows)
