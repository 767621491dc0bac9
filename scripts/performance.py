#!/usr/bin/env python3
"""Writes docs/performance.md and its plots from the recorded measurements.

usage: scripts/performance.py            write them
       scripts/performance.py --check    exit status 1 if they are not what this would write
       scripts/performance.py --root DIR  of another source tree

The prose is benchmarks/performance.md.in, the measurements are all JSON files below
benchmarks/results/ (records.py says which kinds), the plots are docs/images/performance/*.svg. A
line of the template that is one of these becomes tables, grouped by machine, and plots:

    {{ceilings DEVICE}}        sg_bench ceilings
    {{kernels NAME DEVICE}}    sg_bench kernels: of --suite NAME, or of the kernel NAME; roofline
    {{ladder KERNEL DEVICE}}   all versions of a kernel, of its largest case that was measured
    {{step NETWORK DEVICE}}    sg_bench step of NETWORK (demo, paper, joint) with its stages
    {{scale DEVICE}}           sg_bench scale: how the time grows; a plot for each axis
    {{loader DEVICE}}          sg_bench loader
    {{peers NETWORK DEVICE}}   compare_peers.sh and torch_stargan.py --mode

DEVICE is cpu, cuda or sim. Without a record the page says "not yet run", and the command.
"""
import argparse
import pathlib
import re
import sys

import records
from sections import RESULTS, Page

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEMPLATE = "benchmarks/performance.md.in"
PAGE = "docs/performance.md"
PICTURES = "docs/images/performance"
DEVICES = ("cpu", "cuda", "sim")


def fill(template, page):
    """The template with its placeholders replaced."""
    kinds = {"ceilings": 1, "kernels": 2, "ladder": 2, "step": 2, "scale": 1, "loader": 1,
             "peers": 2}
    lines = []
    for number, line in enumerate(template.splitlines(), 1):
        if "{{" in line:
            words = re.fullmatch(r"\{\{([a-z0-9_ ]+)\}\}", line)
            kind, *rest = words[1].split() if words else [""]
            good = kinds.get(kind) == len(rest) and rest[-1] in DEVICES
            if good and kind in ("step", "peers"):
                good = rest[0] in records.NETWORKS
            if not good:
                raise records.BadRecord(f"{TEMPLATE}, line {number}: '{line}' is no placeholder")
            line = getattr(page, kind)(*rest)
        lines.append(line)
    return "\n".join(lines) + "\n"


def wanted(root):
    """{file: text} of everything that this writes, and the page."""
    page = Page(records.read_records(root, RESULTS))
    texts = {PAGE: fill((root / TEMPLATE).read_text(encoding="utf-8"), page)}
    texts.update({f"{PICTURES}/{name}": svg for name, svg in page.pictures.items()})
    return texts, page


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="another source tree")
    args = parser.parse_args()
    try:
        texts, page = wanted(args.root)
    except (records.BadRecord, OSError) as error:
        sys.exit(f"performance: {error}")
    old = {path.relative_to(args.root).as_posix(): path
           for path in (args.root / PICTURES).glob("*.svg")}
    if args.check:
        check(args.root, texts, old)
        return
    for name in old.keys() - texts.keys():
        old[name].unlink()
    for name, text in texts.items():
        (args.root / name).parent.mkdir(parents=True, exist_ok=True)
        (args.root / name).write_bytes(text.encode())
    for record in page.records:
        if record.key() not in page.shown:
            print(f"performance: {TEMPLATE} shows nothing of {record.file}, {record.kind} "
                  f"{' '.join(record.words)}", file=sys.stderr)


def check(root, texts, old):
    for name in sorted(texts.keys() | old.keys()):
        file = root / name
        if name not in texts or not file.exists() or file.read_bytes() != texts[name].encode():
            sys.exit(f"{file} is not what the recorded results say: run scripts/performance.py")


if __name__ == "__main__":
    main()
