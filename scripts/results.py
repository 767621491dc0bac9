#!/usr/bin/env python3
"""Runs the comparisons of docs/results.md on the built-in faces and prints their tables.

One StarGAN against one generator per ordered pair of classes; several data sets against one; WGAN-GP
against Eq. 1; what each lambda does when it is removed. A run that is finished is not repeated, one
that was stopped goes on, so the script can be started again at any time; Ctrl-C saves first. A run
ends early only if its losses are no longer finite: then its last checkpoint is evaluated. OUT/NAME.json
has a run's options, with others it is not gone on with, and the seconds of its parts.

    scripts/results.py [--build build/release] [--out runs/results] [--iterations 4000] [--threads 1]
                       [--only NAME...]
"""
import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

CLASSES = "angry+happy+sad+surprised"
PAIRS = 4 * 3
NOT_FINITE = "; last good checkpoint: "  # only that error of sg_train says so (train/trainer.cpp)
EXPRESSIONS = f"synth:expressions,labels={CLASSES},name=expressions"
# The network of scripts/demo.toml, small enough for two processor cores.
SMALL = ["--image-size", "64", "--synth-count", "4000", "--test-count", "256", "--g-conv-dim", "16",
         "--d-conv-dim", "16", "--g-repeat-num", "3", "--d-repeat-num", "4", "--batch-size", "4",
         "--n-critic", "1", "--g-lr", "5e-4", "--d-lr", "5e-4", "--log-step", "100",
         "--sample-step", "1000", "--model-save-step", "500"]


def runs(iterations):
    """Name -> options beyond SMALL."""
    one = ["--data", EXPRESSIONS, "--num-iters", str(iterations)]
    both = ["--data", "synth:attributes", "--data", EXPRESSIONS]
    return {
        "stargan": one,
        "pairwise": one + ["--baseline", "pairwise"],
        "joint": both + ["--num-iters", str(iterations)],
        "joint-same-steps": both + ["--num-iters", str(iterations), "--joint-iteration", "one"],
        "vanilla": one + ["--gan", "vanilla"],
        "no-cls": one + ["--lambda-cls", "0"],
        "no-rec": one + ["--lambda-rec", "0"],
        "no-gp": one + ["--lambda-gp", "0"],
    }


def trained(run):
    """Iterations of a run's latest checkpoint; of a pairwise run those of all pairs together."""
    latest = {}
    for file in run.rglob("iteration-*.safetensors"):
        latest[file.parent] = max(latest.get(file.parent, 0), int(file.stem.split("-")[1]))
    return sum(latest.values())


class Experiments:
    def __init__(self, arguments):
        self.bin = pathlib.Path(arguments.build) / "bin"
        self.out = pathlib.Path(arguments.out)
        self.iterations = arguments.iterations
        self.threads = ["--threads", str(arguments.threads)]
        self.common = ["--precision", arguments.precision, *self.threads]
        self.out.mkdir(parents=True, exist_ok=True)

    def call(self, program, *arguments):
        """Runs a tool to its end. Returns its exit code and its last line on stderr."""
        # In a session of its own it gets no Ctrl-C but the one passed on here: sg_train saves after
        # the first and leaves at once after the second.
        tool = subprocess.Popen([str(self.bin / program), *map(str, arguments)], text=True,
                                stderr=subprocess.PIPE, start_new_session=True)
        last = ""
        while True:
            try:
                for line in tool.stderr:
                    print(line, end="", file=sys.stderr, flush=True)
                    last = line
                return tool.wait(), last
            except KeyboardInterrupt:
                tool.send_signal(signal.SIGINT)

    def record_of(self, name, options):
        """What is known of a run, a new one if there is none. Other options are refused."""
        run, file = self.out / name, self.out / f"{name}.json"
        if not file.exists():
            if run.exists():
                sys.exit(f"results: {run} is there without {file}: choose another --out")
            return {"options": options, "seconds": [], "finished": False}
        record = json.loads(file.read_text())
        if record["options"] != options:
            sys.exit(f"results: {run} was trained with other options: choose another --out\n"
                     f"  then: {' '.join(record['options'])}\n  now:  {' '.join(options)}")
        return record

    def train(self, name, options):
        run, file = self.out / name, self.out / f"{name}.json"
        options = [*SMALL, *self.common, *options]
        record = self.record_of(name, options)
        if record["finished"]:
            return
        resumed = trained(run) > 0
        if not resumed:
            shutil.rmtree(run, ignore_errors=True)
            record["seconds"] = []
        record["seconds"].append(None)  # unknown unless this part ends in order
        file.write_text(json.dumps(record))
        begin = time.monotonic()
        code, error = self.call("sg_train", *(["--resume"] if resumed else [*options, "--out"]), run)
        done = trained(run)
        planned = self.iterations // PAIRS * PAIRS if "pairwise" in options else self.iterations
        # Without a lambda it may diverge: that is a result.
        diverged = code != 0 and NOT_FINITE in error and done > 0
        if code == 0 or diverged:
            record["seconds"][-1] = time.monotonic() - begin
        record["finished"] = diverged or (code == 0 and done == planned)
        file.write_text(json.dumps(record))
        if not record["finished"]:
            sys.exit(f"results: {name} has {done} of {planned} iterations; the same command goes on")
        if diverged:
            print(f"{name} diverged: its last checkpoint is evaluated", file=sys.stderr)

    def evaluate(self, name):
        run = self.out / name
        if (run / "eval.json").exists():
            return
        kept = self.out / "classifiers"  # same faces, same judge: it is trained once
        kept.mkdir(exist_ok=True)
        for file in kept.glob("*.safetensors"):
            shutil.copy(file, run)
        if self.call("sg_eval", "--checkpoint", run, "--count", 256, *self.threads)[0] != 0:
            sys.exit(f"results: {name} was not evaluated")
        for file in run.glob("classifier-*.safetensors"):
            shutil.copy(file, kept)

    def report(self, name):
        run = self.out / name
        report = json.loads((run / "eval.json").read_text())
        group = next(g for g in report["groups"] if g["name"] == "expressions")
        seconds = json.loads((self.out / f"{name}.json").read_text())["seconds"]
        return report, group, None if None in seconds else sum(seconds)


def number(value, digits=2, scale=1.0):
    return "-" if value is None else f"{value * scale:.{digits}f}"


def percent(share):
    return "-" if share is None else f"{100 * share:.1f} %"


def print_quality(experiments, names):
    print("\n| run | generators | parameters | iterations | training, min | judged as asked"
          " | share of the true change | error, 1/255 | PSNR | reconstruction, 1/255"
          " | closer to its input | Fréchet |")
    print("|---" * 12 + "|")
    for name in names:
        report, group, seconds = experiments.report(name)
        all_targets = group["overall"]
        print(f"| {name} | {report['generators']} | {report['parameters'] / 1e6:.2f} M "
              f"| {report['iteration']} | {number(seconds, 1, 1 / 60)} "
              f"| {percent(all_targets['judged']['asked'])} "
              f"| {percent(all_targets['truth']['change'])} "
              f"| {number(all_targets['truth']['translated']['error'])} "
              f"| {number(all_targets['truth']['translated']['psnr'], 1)} "
              f"| {number(all_targets['reconstruction']['error'])} "
              f"| {percent(all_targets['identity']['closer'])} "
              f"| {number(all_targets['frechet']['distance'])} |")
    _, group, _ = experiments.report(names[0])
    print(f"\nThe judge is right for {percent(group['classifier']['accuracy'])} of "
          f"{group['images']} real held-out faces; copying the input is off by "
          f"{number(group['overall']['truth']['copy']['error'])}/255.")


def print_masks(experiments, names):
    print("\n| run | images, labels | change, right mask | change, wrong mask | judged, right mask |"
          " judged, wrong mask |")
    print("|---" * 6 + "|")
    for name in names:
        for mask in experiments.report(name)[0]["masks"]:
            scores = mask["overall"]
            print(f"| {name} | {mask['images']}, {mask['labels']} "
                  + "".join(f"| {percent(scores[key])} " for key in (
                      "change_right_mask", "change_wrong_mask", "judged_right_mask",
                      "judged_wrong_mask")) + "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--out", default="runs/results")
    parser.add_argument("--iterations", type=int, default=4000)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--threads", type=int, default=0, help="of a run; 0: all processors")
    parser.add_argument("--only", nargs="*", help="names of runs")
    arguments = parser.parse_args()
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.default_int_handler)  # as Ctrl-C
    experiments = Experiments(arguments)
    wanted = {name: options for name, options in runs(arguments.iterations).items()
              if not arguments.only or name in arguments.only}
    for name, options in wanted.items():
        print(f"== {name}", file=sys.stderr, flush=True)
        experiments.train(name, options)
        experiments.evaluate(name)
    print_quality(experiments, list(wanted))
    joint = [name for name in wanted if name.startswith("joint")]
    if joint:
        print_masks(experiments, joint)


if __name__ == "__main__":
    main()
