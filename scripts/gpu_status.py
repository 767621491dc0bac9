#!/usr/bin/env python3
"""Writes docs/gpu_status.md from the recorded results: what was verified on which GPU.

usage: scripts/gpu_status.py            write it
       scripts/gpu_status.py --check    exit status 1 if it is not what this would write
       scripts/gpu_status.py --record COMMIT FOLDER   write FOLDER/sources.json (record_results.sh)

Reads benchmarks/gpu_features.json (what there is to verify, by which test or stage of gpu_check.sh,
and of which sources) and benchmarks/results/GPU/COMMIT/{check,sources}.json. A result is stale if
one of its sources is not what it was at that commit.
"""
import argparse
import hashlib
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
STATUS = ROOT / "docs" / "gpu_status.md"
SUFFIXES = {".cpp", ".h", ".cu", ".cuh", ".py"}


def features(root):
    return json.loads((root / "benchmarks" / "gpu_features.json").read_text())["features"]


def digest(blobs):
    """Of {path: git's hash of the file}."""
    lines = "".join(f"{path} {blob}\n" for path, blob in sorted(blobs.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def present_blobs(root, path):
    """The sources below a path, as git would hash them."""
    top = root / path
    files = [top] if top.is_file() else [f for f in top.rglob("*") if f.is_file()]
    blobs = {}
    for file in files:
        if file.suffix in SUFFIXES:
            data = file.read_bytes()
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            blobs[file.relative_to(root).as_posix()] = blob
    return blobs


def committed_blobs(root, commit, path):
    tree = subprocess.run(["git", "-C", root, "ls-tree", "-r", commit, "--", path], check=True,
                          capture_output=True, text=True).stdout
    blobs = {}
    for line in tree.splitlines():
        facts, name = line.split("\t", 1)
        if pathlib.PurePosixPath(name).suffix in SUFFIXES:
            blobs[name] = facts.split()[2]
    return blobs


def record(root, commit, folder):
    paths = sorted({path for feature in features(root) for path in feature["paths"]})
    sources = {path: digest(committed_blobs(root, commit, path)) for path in paths}
    (folder / "sources.json").write_text(json.dumps(sources, indent=1) + "\n")


class Run:
    """One run of gpu_check.sh that was recorded."""

    def __init__(self, folder):
        self.folder = folder
        self.check = json.loads((folder / "check.json").read_text())
        self.sources = json.loads((folder / "sources.json").read_text())
        self.facts = self.check["facts"]
        self.gpu = self.facts.get("nvidia-smi name") or folder.parent.name
        self.date = self.facts["date"]
        self.stages = {stage["name"]: stage for stage in self.check["stages"]}

    def outcome(self, feature):
        """"passed", "failed", ... of a feature; None if the run says nothing about it."""
        if "stage" in feature:
            status = self.stages.get(feature["stage"], {}).get("status")
            return None if status in ("no GPU", "skipped") else status
        cases = self.stages.get("tests", {}).get("cases", [])
        found = [c["status"] for c in cases
                 if c["name"] in feature.get("tests", []) and c["status"] != "skipped"]
        if not found:
            return None
        return next((status for status in found if status != "passed"), "passed")

    def stale(self, feature, root):
        """The feature's sources that are not what they were."""
        return [path for path in feature["paths"]
                if self.sources.get(path) != digest(present_blobs(root, path))]

    def named(self):
        return f"{self.gpu}, [{self.folder.name}]({self.link()}), {self.date[:10]}"

    def link(self):
        return f"../benchmarks/results/{self.folder.parent.name}/{self.folder.name}/table.md"


def runs(root):
    found = [Run(path.parent) for path in (root / "benchmarks" / "results").glob("*/*/check.json")]
    return sorted(found, key=lambda run: run.date, reverse=True)


def where_verified(feature, known, root):
    """The latest word of each GPU."""
    words, seen = [], set()
    for run in known:
        outcome = run.outcome(feature)
        if outcome is None or run.gpu in seen:
            continue
        seen.add(run.gpu)
        stale = run.stale(feature, root)
        changed = f"; **stale**: {', '.join(f'`{p}`' for p in stale)} changed since" if stale else ""
        words.append(f"{outcome if outcome == 'passed' else f'**{outcome}**'} ({run.named()})"
                     f"{changed}")
    return "<br>".join(words) or "never"


def how(feature):
    if "command" in feature:
        return f"`{feature['command']}`"
    if "stage" in feature:
        return f"`gpu_check.sh --stage {feature['stage']}`"
    return "tests " + ", ".join(f"`{test}`" for test in feature["tests"])


def table(kind, known, root):
    lines = ["| what | where verified | by |", "|---|---|---|"]
    for f in features(root):
        if f["kind"] == kind:
            lines.append(f"| **{f['name']}:** {f['what']} | {where_verified(f, known, root)} | "
                         f"{how(f)} |")
    return "\n".join(lines)


def measurements(known):
    """The headline of every run: its own tables have the rest."""
    lines = ["| run | commit | iteration ms: bf16 | tf32 | f32 | PyTorch's fastest | stages |",
             "|---|---|---|---|---|---|---|"]
    for run in known:
        steps = [s for report in run.stages.get("step", {}).get("data", {}).values()
                 for s in report["cases"]  # as sg_train does
                 if s.get("graph", True) and not s.get("side_stream", False)]
        times = [min((f"{s['iteration_ms']:.3f}" for s in steps if s["precision"] == p),
                     key=float, default="-") for p in ("bf16", "tf32", "f32")]
        modes = [m for data in run.stages.get("peers", {}).get("data", {}).values()
                 for m in data.get("modes", []) if "iteration_ms" in m]
        best = min(modes, key=lambda m: m["iteration_ms"], default=None)
        peer = f"{best['mode']} {best['iteration_ms']:.3f}" if best else "-"
        passed = sum(s["status"] == "passed" for s in run.stages.values())
        lines.append(f"| {run.named()} | {run.facts.get('build commit', '-')[:12]} | "
                     f"{' | '.join(times)} | {peer} | {passed} of {len(run.stages)} passed |")
    return "\n".join(lines)


def page(root):
    known = runs(root)
    gpus = sorted({run.gpu for run in known})
    if known:
        head = f"Runs of `gpu_check.sh` are recorded on: {', '.join(gpus)}.\n\n{measurements(known)}"
    else:
        head = ("Nothing. No line of this repository has been executed by a GPU, and no time, "
                "bandwidth or\nspeed-up of a GPU is recorded anywhere in it.")
    return f"""# What has run on a GPU

{head}

What is known of the `.cu` files without one: nvcc compiles them (`-DSG_CUDA_ARCHITECTURES=release`:
80, 86, 89, 90a, 100, 120 and PTX), ptxas fails the build if a kernel spills registers, and compiled
for the host they compute what the textbook loops compute, thread by thread, on the simulated device.
[sim.md](sim.md) lists what that does not model; [gpu_questions.md](gpu_questions.md) what only a GPU
can answer.

`scripts/gpu_status.py` wrote this page from `benchmarks/gpu_features.json` and
`benchmarks/results/`. On a machine with a GPU, and then in a checkout of the sources:

```sh
scripts/package.sh --arch 90a                    # here or elsewhere; --arch is that GPU's
dist/stargan.cu-*/gpu_check.sh gpu_check_out     # there, under eight minutes
scripts/record_results.sh gpu_check_out          # files it and writes this page anew
```

"never" means never on a GPU. `SG_REQUIRE_GPU=1 sg_tests --filenames-as-tags "[#test_NAME]"` runs
one test alone.

## Kernels

{table("kernel", known, root)}

## The engine

{table("engine", known, root)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--record", nargs=2, metavar=("COMMIT", "FOLDER"))
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="another source tree")
    args = parser.parse_args()
    if args.record:
        record(args.root, args.record[0], pathlib.Path(args.record[1]))
        return
    status = args.root / STATUS.relative_to(ROOT)
    text = page(args.root)
    if not args.check:
        status.write_text(text)
    elif not status.exists() or status.read_text() != text:
        sys.exit(f"{status} is not what the recorded results say: run scripts/gpu_status.py")


if __name__ == "__main__":
    main()
