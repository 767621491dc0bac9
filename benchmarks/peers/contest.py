"""Checks modes, times them in alternating rounds, and reports; a mode's trouble is its own."""
import gc
import json
import math
import os
import statistics
import sys
import time

import torch

from modes import COMPILED, make_step, set_flags, unavailable
from timing import PeakMemory, make_config, summary, synchronize, synthetic_batch, time_round

WRONG, NEEDS_GPU = 1, 3  # exit statuses
MEASURED = ("d_step_ms", "g_step_ms", "iteration_ms", "iteration_min_ms", "iteration_max_ms",
            "peak_device_mb", "peak_rss_mb")


class Contestant:
    """A mode, its report, and, once prepared, its step and batches."""

    def __init__(self, mode):
        self.mode, self.step, self.batches = mode, None, None
        self.report = {"mode": mode.name, "status": "skipped", "reason": None,
                       "precision": mode.precision, "channels_last": mode.channels_last,
                       "check": None, **dict.fromkeys(MEASURED), "rounds": []}
        if mode.compiled:
            self.report["compiled"] = COMPILED

    def end(self, status, reason):
        self.report.update(status=status, reason=reason)
        self.step = self.batches = None

    def attempt(self, work):
        """Runs work(self); an exception ends this contestant and nothing else."""
        try:
            set_flags(self.mode)
            work(self)
        except Exception as error:
            self.end("failed", explain(error))


def explain(error):
    """The first line of an exception, and of those that it covers up."""
    lines = []
    while error is not None:
        text = str(error).strip().split("\n")[0]
        lines.append(f"{type(error).__name__}: {text}" if text else type(error).__name__)
        error = error.__cause__ or error.__context__
    return "; after ".join(lines)


def free_memory():
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def without_nan(report):
    """JSON has no word for NaN and infinity; they become strings."""
    if isinstance(report, dict):
        return {key: without_nan(value) for key, value in report.items()}
    if isinstance(report, list):
        return [without_nan(value) for value in report]
    return str(report) if isinstance(report, float) and not math.isfinite(report) else report


class Contest:
    def __init__(self, modes, checker, args):
        self.checker, self.args, self.start = checker, args, time.monotonic()
        self.config = make_config(args)
        self.entries = [Contestant(mode) for mode in modes]

    def run(self):
        """Returns the exit status. The report is written anew after every part of the work."""
        for entry in self.entries:
            reason = unavailable(entry.mode, self.args.device)
            if reason:
                entry.end("skipped", reason)
            else:
                print(f"{entry.mode.name}: checking", file=sys.stderr)
                entry.attempt(self.check)
            self.write()
        for entry in self.entries:
            if entry.report["status"] == "checked" and self.args.rounds > 0:
                entry.attempt(self.prepare)
                self.write()
        for index in range(self.args.rounds):
            if index > 0 and self.spent():
                break
            for entry in self.entries:
                if entry.step is not None and not (index > 0 and self.spent()):
                    entry.attempt(self.time)
            self.write()
        return self.finish()

    def spent(self):
        return self.args.seconds and time.monotonic() - self.start >= self.args.seconds

    def check(self, entry):
        report = self.checker.check(entry.mode)
        free_memory()
        entry.report["check"] = report
        if report["status"] == "wrong":
            misses = [f"{f['file']} {f['misses'][0]}" for f in report["files"] if "misses" in f]
            entry.end("wrong", "not timed; " + "; ".join(misses))
        else:
            entry.report.update(status="checked", reason="not timed")

    def prepare(self, entry):
        """Builds the network to be timed, warms it up and captures it."""
        torch.manual_seed(0)
        with PeakMemory(self.args.device) as peak:
            step = make_step(entry.mode, self.config, self.args.device)
            batches = [synthetic_batch(step) for _ in range(self.args.n_critic)]
            for _ in range(max(1, self.args.warmup)):
                step.macro(batches)
            synchronize(self.args.device)
        entry.step, entry.batches = step, batches
        entry.report.update(adam=step.adam, peak_device_mb=peak.device_mb,
                            peak_rss_mb=peak.rss_mb)

    def time(self, entry):
        entry.report["rounds"].append(time_round(entry.step, entry.batches, self.args.repeats))
        entry.report.update(summary(entry.report["rounds"]), status="measured", reason=None)
        print(f"round {len(entry.report['rounds'])}: {entry.mode.name} "
              f"{entry.report['rounds'][-1]['iteration_ms']:.2f} ms", file=sys.stderr)

    def finish(self):
        self.add_ratios()
        self.write()
        for entry in self.entries:
            print(line_of(entry.report))
        statuses = [entry.report["status"] for entry in self.entries]
        if "wrong" in statuses or "failed" in statuses:
            return WRONG
        return NEEDS_GPU if all(status == "skipped" for status in statuses) else 0

    def add_ratios(self):
        """Times relative to the first mode, by round: both met the same noise."""
        first = self.entries[0].report
        for entry in self.entries:
            pairs = [a["iteration_ms"] / b["iteration_ms"]
                     for a, b in zip(entry.report["rounds"], first["rounds"])]
            if pairs and first["status"] == entry.report["status"] == "measured":
                entry.report["ratio"] = {"to": first["mode"], "median": statistics.median(pairs),
                                         "min": min(pairs), "max": max(pairs)}

    def write(self):
        if not self.args.json:
            return
        cuda = self.args.device == "cuda"
        report = {"format": "stargan-peers-1", "torch": torch.__version__,
                  "cudnn": torch.backends.cudnn.version() if cuda else None,
                  "device": self.args.device,
                  "device_name": torch.cuda.get_device_name() if cuda else None,
                  "threads": torch.get_num_threads(), "warmup": self.args.warmup,
                  "repeats": self.args.repeats, "config": self.config,
                  "seconds": time.monotonic() - self.start,
                  "modes": [entry.report for entry in self.entries]}
        with open(self.args.json + ".part", "w", encoding="utf-8") as f:
            json.dump(without_nan(report), f, indent=2)
            f.write("\n")
        os.replace(self.args.json + ".part", self.args.json)


def line_of(report):
    """One line of the table."""
    text = f"{report['mode']:<18} {report['status']:<9}"
    if report["status"] != "measured":
        return f"{text} {report['reason']}"
    text += (f" {report['iteration_ms']:9.3f} ms an iteration ({report['iteration_min_ms']:.3f}"
             f"-{report['iteration_max_ms']:.3f})")
    if report["d_step_ms"] is not None:
        text += f", D {report['d_step_ms']:.3f}, G {report['g_step_ms']:.3f}"
    if "ratio" in report:
        r = report["ratio"]
        text += f", {r['median']:.3f} of {r['to']} ({r['min']:.3f}-{r['max']:.3f})"
    memory = report["peak_device_mb"]
    return text + (f", {memory:.0f} MB" if memory is not None else "")
