#!/usr/bin/env python3
"""Runs the comparisons of docs/results.md on the built-in faces and prints their tables.

One StarGAN against one generator per ordered pair of classes; several data sets against one; WGAN-GP
against Eq. 1; what each lambda does when it is removed. A run that is finished is not repeated, one
that was stopped goes on, so the script can be started again at any time.

    scripts/results.py [--build build/release] [--out runs/results] [--iterations 4000] [--threads 1]
                       [--only NAME...]
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

CLASSES = "angry+happy+sad+surprised"
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


class Experiments:
    def __init__(self, arguments):
        self.bin = pathlib.Path(arguments.build) / "bin"
        self.out = pathlib.Path(arguments.out)
        self.common = ["--precision", arguments.precision, "--threads", arguments.threads]
        self.out.mkdir(parents=True, exist_ok=True)

    def call(self, program, *arguments):
        subprocess.run([str(self.bin / program), *map(str, arguments)], check=True)

    def train(self, name, options):
        run, seconds = self.out / name, self.out / f"{name}.seconds"
        if seconds.exists():
            return
        resumed = any(run.rglob("iteration-*.safetensors"))
        if not resumed:
            shutil.rmtree(run, ignore_errors=True)
        begin = time.monotonic()
        try:
            if resumed:
                self.call("sg_train", "--resume", run)
            else:
                self.call("sg_train", *SMALL, *self.common, *options, "--out", run)
        except subprocess.CalledProcessError:  # it may diverge without a lambda: that is a result
            if not any(run.rglob("iteration-*.safetensors")):
                raise
            print(f"{name} ended early: its last checkpoint is evaluated", file=sys.stderr)
        # Of a run in parts, the time of the whole is not known.
        seconds.write_text("nan\n" if resumed else f"{time.monotonic() - begin:.1f}\n")

    def evaluate(self, name):
        run = self.out / name
        if (run / "eval.json").exists():
            return
        kept = self.out / "classifiers"  # same faces, same judge: it is trained once
        kept.mkdir(exist_ok=True)
        for file in kept.glob("*.safetensors"):
            shutil.copy(file, run)
        self.call("sg_eval", "--checkpoint", run, "--count", 256)
        for file in run.glob("classifier-*.safetensors"):
            shutil.copy(file, kept)

    def report(self, name):
        run = self.out / name
        report = json.loads((run / "eval.json").read_text())
        group = next(g for g in report["groups"] if g["name"] == "expressions")
        seconds = float((self.out / f"{name}.seconds").read_text())
        return report, group, seconds


def number(value, digits=2, scale=1.0):
    return "-" if value is None else f"{value * scale:.{digits}f}"


def print_quality(experiments, names):
    print("\n| run | generators | parameters | training | judged as asked | share of the true change |"
          " error, 1/255 | PSNR | reconstruction, 1/255 | closer to its input | Fréchet |")
    print("|---" * 11 + "|")
    for name in names:
        report, group, seconds = experiments.report(name)
        all_targets = group["overall"]
        print(f"| {name} | {report['generators']} | {report['parameters'] / 1e6:.2f} M "
              f"| {seconds / 60:.1f} min "
              f"| {number(all_targets['judged']['asked'], 1, 100)} % "
              f"| {number(all_targets['truth']['change'], 1, 100)} % "
              f"| {number(all_targets['truth']['translated']['error'])} "
              f"| {number(all_targets['truth']['translated']['psnr'], 1)} "
              f"| {number(all_targets['reconstruction']['error'])} "
              f"| {number(all_targets['identity']['closer'], 1, 100)} % "
              f"| {number(all_targets['frechet']['distance'])} |")
    _, group, _ = experiments.report(names[0])
    print(f"\nThe judge is right for {number(group['classifier']['accuracy'], 1, 100)} % of "
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
                  + "".join(f"| {number(scores[key], 1, 100)} % " for key in (
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
    experiments = Experiments(arguments)
    wanted = {name: options for name, options in runs(arguments.iterations).items()
              if not arguments.only or name in arguments.only}
    for name, options in wanted.items():
        print(f"== {name}", file=sys.stderr, flush=True)
        experiments.train(name, options)
        experiments.evaluate(name)
    print_quality(experiments, list(wanted))
    print_masks(experiments, [name for name in wanted if name.startswith("joint")])


if __name__ == "__main__":
    main()
