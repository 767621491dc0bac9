"""Reads what sg_bench, gpu_check.sh and compare_peers.sh recorded (performance.py shows it).

Every *.json below a folder is one of these, or an error that names it:
  sg_bench --json         "format": "stargan-bench-1" (benchmarks/report.h)
  torch_stargan.py --mode "format": "stargan-peers-1" (benchmarks/peers/contest.py)
  gpu_check.sh            "format": "stargan-gpu-check-1": holds several of the above
  compare_peers.sh        has "entries" and "rounds"
  record_results.sh       sources.json, next to a check.json; holds no measurement
"""
import json
import math

# The part of a step's configuration that names it, as benchmarks/kernel_suite.cpp has the networks.
PARTS = ("image_size", "batch", "g_conv_dim", "d_conv_dim", "g_repeat", "d_repeat")
NETWORKS = {"demo": (64, 16, 16, 16, 3, 4), "paper": (128, 16, 64, 64, 6, 6),
            "joint": (256, 8, 64, 64, 6, 6)}


class BadRecord(Exception):
    """A file that is not what it should be; the message names it."""


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value):
    return None if is_number(value) else "a number"


def positive(value):
    return None if is_number(value) and value > 0 else "a number above 0"


def text(value):
    good = isinstance(value, str) and not any(0xd800 <= ord(c) < 0xe000 for c in value)
    return None if good else "a text"


def anything(_value):
    return None


# What is read of a record, and what it must be. A key that ends with ? may be absent or null.
CEILING = {"name": text, "what?": text, "value?": positive, "unit?": text, "missing?": text}
ROW = {"version": number, "name": text, "what?": text, "skipped?": text, "error?": number,
       "median_ms?": positive, "spread?": number, "outliers?": number, "warm_ms?": positive,
       "of_ceiling?": number, "of_floor?": number, "ratio?": number, "sectors?": positive,
       "bank_conflicts?": number, "barriers?": number}
CONFIG = {part: number for part in PARTS}
TIMES = {"d_step_ms?": number, "g_step_ms?": number, "iteration_ms": positive}
CASES = {
    "ceilings": anything,
    "kernels": {"kernel": text, "layer?": text, "shape": text, "precision": text, "error?": text,
                "bytes?": number, "flops?": number, "rows?": [ROW]},
    "step": {"precision": text, "step": text, "config": CONFIG, **TIMES, "spread?": number,
             "tensor_peak_mb?": number, "peak_rss_mb?": number,
             "stages?": [{"name": text, "in": text, "ms": number, "share?": number}]},
    "scale": {"axis": text, "precision": text, "exponent?": number, "model_exponent?": number,
              "points": [{"x": positive, **TIMES, "model_ms?": positive}], "departures?": [text]},
    "loader": {"data?": text, "name": text, "unit": text, "median": number, "min": number,
               "max": number},
}
ENVIRONMENT = {"date": text, "device": text, "device_name": text, "version?": text, "commit?": text,
               "threads?": number, "isa?": text, "compiler?": text, "libraries?": {},
               "clock_mhz?": number, "memory_clock_mhz?": number}
MEDIANS = {**TIMES, "peak_rss_mb": number}
COMPARISON = {"date": text, "commit": text, "rounds": positive, "device_name": text, "isa": text,
              "threads": positive, "warmup": number, "repeats": positive, "config": CONFIG,
              "entries": [{"command": text, "name": text, "precision": text, "median": MEDIANS,
                           "best": TIMES, "ratio": {"iteration_ms": number}, "best_ratio": number,
                           "iteration_ratio_range": [number]}]}
CONTEST = {"torch": text, "device": text, "device_name?": text, "threads": number,
           "config": CONFIG, "warmup?": number, "repeats?": number,
           "modes": [{"mode": text, "status": text, "reason?": text, "iteration_ms?": positive,
                      "iteration_min_ms?": number, "iteration_max_ms?": number,
                      "peak_device_mb?": number, "ratio?": {"median": number, "to": text}}]}


def validate(value, spec, path=""):
    """Raises BadRecord if the value is not as CEILING and the others say."""
    if isinstance(spec, list):
        if not isinstance(value, list):
            raise BadRecord(f"{path} is not a list")
        for i, item in enumerate(value):
            validate(item, spec[0], f"{path}[{i}]")
    elif isinstance(spec, dict):
        if not isinstance(value, dict):
            raise BadRecord(f"{path or 'the whole'} is not an object")
        for key, part in spec.items():
            name = key.rstrip("?")
            if value.get(name) is not None:
                validate(value[name], part, f"{path}.{name}" if path else name)
            elif not key.endswith("?"):
                raise BadRecord(f"{path or 'the whole'} has no '{name}'")
    elif spec(value):
        raise BadRecord(f"{path} is {json.dumps(value)}, expected {spec(value)}")


def without_files(arguments):
    """A command line without --json FILE and --ceilings FILE: where they lay does not matter."""
    kept, skip = [], False
    for word in arguments.split():
        names_file = word in ("--json", "--ceilings")
        if not skip and not names_file and not word.startswith(("--json=", "--ceilings=")):
            kept.append(word)
        skip = not skip and names_file
    return kept


class Record:
    """One command's results. kind: kernels, step, scale, loader, ceilings, comparison, contest."""

    def __init__(self, kind, data, environment, words, file):
        self.kind, self.data, self.environment, self.file = kind, data, environment, file
        self.words = words
        self.device, self.device_name = environment["device"], environment["device_name"]
        self.date = environment["date"]

    def key(self):
        """Of two records with the same one the newer counts."""
        machine = [str(self.environment.get(key, "")) for key in ("device_name", "isa", "threads")]
        return *machine, self.kind, tuple(self.words)

    def option(self, name):
        """The value of --name on the command line, or ""."""
        for word, following in zip(self.words, [*self.words[1:], ""]):
            if word == name:
                return following
            if word.startswith(name + "="):
                return word[len(name) + 1:]
        return ""


def network_of(config):
    """Its name, "" if it has none."""
    numbers = tuple(config[part] for part in PARTS)
    return next((name for name, parts in NETWORKS.items() if parts == numbers), "")


def step_flags(network):
    """Options of sg_bench step and of its peers; what they are by default is left out."""
    flags = ("image-size", "batch-size", "g-conv-dim", "d-conv-dim", "g-repeat-num", "d-repeat-num")
    return "".join(f" --{flag} {value}" for flag, value, default in
                   zip(flags, NETWORKS[network], NETWORKS["demo"]) if value != default)


def check_rows(data):
    """What a kernel's case must have depends on how it ended, and where it ran."""
    result = "sectors" if data["environment"]["device"] == "sim" else "median_ms"
    for i, case in enumerate(data["cases"]):
        missing = [key for key in ("bytes", "flops", "rows") if case.get(key) is None]
        if case.get("error"):
            case["rows"] = []
        elif missing:
            raise BadRecord(f"cases[{i}] has neither an error nor '{missing[0]}'")
        for j, row in enumerate(case["rows"]):
            if not row.get("skipped") and row.get(result) is None:
                raise BadRecord(f"cases[{i}].rows[{j}] has neither '{result}' nor 'skipped'")


def bench_record(data, file):
    command = data.get("command")
    if command not in CASES:
        raise BadRecord(f"the command is {json.dumps(command)}, expected {', '.join(CASES)}")
    validate(data, {"arguments": text, "environment": ENVIRONMENT, "ceilings?": [CEILING],
                    "cases": [CASES[command]]})
    if command == "kernels":
        check_rows(data)
    return Record(command, data, data["environment"],
                  without_files(data["arguments"]), file)


def contest_record(data, file, facts):
    """facts: gpu_check.sh's of the machine; such a record does not name its own."""
    validate(data, CONTEST)
    name = data.get("device_name") or facts.get("processor") or data["device"]
    environment = {**data, "device_name": name, "date": facts.get("date", "")}
    identity = [data["torch"], network_of(data["config"])]
    return Record("contest", data, environment, identity, file)


def comparison_record(data, file):
    validate(data, COMPARISON)
    for i, entry in enumerate(data["entries"]):
        if len(entry["iteration_ratio_range"]) != 2:
            raise BadRecord(f"entries[{i}].iteration_ratio_range has not two numbers")
    device = "cpu" if data["isa"] else "cuda"
    identity = [data["isa"], str(data["threads"]), network_of(data["config"])]
    return Record("comparison", data, {**data, "device": device}, identity, file)


def check_records(data, file):
    validate(data, {"facts": {}, "stages": [{"name": text, "data": {}}]})
    found = []
    for stage in data["stages"]:
        for label, part in stage["data"].items():
            form = part.get("format") if isinstance(part, dict) else None
            try:  # what has neither format are training curves
                if form == "stargan-bench-1":
                    found.append(bench_record(part, file))
                elif form == "stargan-peers-1":
                    found.append(contest_record(part, file, data["facts"]))
            except BadRecord as error:
                raise BadRecord(f"stage {stage['name']}, {label}: {error}") from None
    return found


def records_in(data, file, path):
    """Those of one file, whatever wrote it."""
    if not isinstance(data, dict):
        raise BadRecord("the whole is not an object")
    form = data.get("format")
    if form == "stargan-bench-1":
        return [bench_record(data, file)]
    if form == "stargan-peers-1":
        return [contest_record(data, file, {})]
    if form == "stargan-gpu-check-1":
        return check_records(data, file)
    if form is None and "entries" in data and "rounds" in data:
        return [comparison_record(data, file)]
    if path.name == "sources.json" and (path.parent / "check.json").exists():
        return []
    raise BadRecord("not a record of sg_bench, torch_stargan.py, gpu_check.sh or compare_peers.sh")


def refuse_constant(name):
    raise ValueError(f"{name} is no number of JSON")


def read_records(root, folder):
    """The newest record of each key(), by device, then by command line."""
    newest = {}
    for path in sorted((root / folder).rglob("*.json")):
        file = path.relative_to(root).as_posix()
        try:
            data = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
            found = records_in(data, file, path)
        except BadRecord as error:
            raise BadRecord(f"{file}: {error}") from None
        except (ValueError, RecursionError) as error:
            raise BadRecord(f"{file}: not JSON: {error}") from None
        for record in found:
            other = newest.get(record.key())
            if other is None or (record.date, record.file) >= (other.date, other.file):
                newest[record.key()] = record
    return [newest[key] for key in sorted(newest)]
