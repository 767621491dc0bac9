#!/usr/bin/env python3
"""StarGAN (Choi et al., CVPR 2018) training step in PyTorch: timing peer and numeric oracle.

Modes: ways to take the step, each checked against parity files in its own precision before it is
timed, in rounds that alternate between the modes, on synthetic batches that lie on the device.
    torch_stargan.py --mode eager-f32,ours --rounds 5 --json out.json
Oracle: replays stargan-parity-1 files in float64; the exit status is 1 if any disagrees.
    torch_stargan.py --parity a.safetensors b.safetensors
Exit status: 1 if a check or a mode failed, 2 for a wrong call, 3 if no mode can run without a GPU.
"""
import argparse
import glob
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import Checker  # noqa: E402
from contest import Contest  # noqa: E402
from modes import MODES  # noqa: E402
from official_step import OfficialStep  # noqa: E402
from our_step import OurStep  # noqa: E402
from parity import check_f64  # noqa: E402

PARITY_FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "data",
                            "*.safetensors")


def parse_arguments():
    modes = "\n".join(f"  {m.name:<18} {m.text}" for m in MODES.values())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"modes:\n{modes}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("image-size", 64), ("batch-size", 16), ("labels", 5),
                          ("g-conv-dim", 16), ("d-conv-dim", 16), ("g-repeat-num", 3),
                          ("d-repeat-num", 4), ("n-critic", 5), ("warmup", 3), ("repeats", 10)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--threads", type=int, help="default: PyTorch's choice")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--mode", action="append", metavar="NAME[,NAME]",
                        help="check and time modes (below); repeats and warmup count n_critic D "
                        "steps with one G step")
    parser.add_argument("--rounds", type=int, default=3, help="default 3; 0 only checks")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="start no further round after S seconds; checks and every mode's "
                        "first round are not cut short")
    parser.add_argument("--check", metavar="FILE", nargs="+",
                        help="parity files that modes are checked with; default tests/data")
    parser.add_argument("--json", metavar="FILE", help="write the measurements to FILE")
    parser.add_argument("--parity", metavar="FILE", nargs="+",
                        help="check in float64, do not measure; with --mode ours our algorithm")
    args = parser.parse_args()
    if args.mode is not None:
        args.mode = chosen_modes(parser, args)
    elif not args.parity:
        parser.error("nothing to do: choose with --mode or --parity")
    elif args.check or args.seconds:
        parser.error("--check and --seconds need --mode")
    return parser, args


def chosen_modes(parser, args):
    """The modes asked for, in order, each once."""
    names = list(dict.fromkeys(name for words in args.mode for name in words.split(",")))
    unknown = [name for name in names if name not in MODES]
    if unknown:
        parser.error(f"mode '{unknown[0]}' is unknown; there are {', '.join(MODES)}")
    return [MODES[name] for name in names]


def run_modes(parser, args):
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch sees no GPU")
    paths = args.check or sorted(glob.glob(PARITY_FILES))
    if not paths:
        parser.error("no parity files in tests/data; name some with --check")
    try:
        checker = Checker(paths, args.device)
    except (OSError, ValueError) as error:
        parser.error(f"--check: {error}")
    return Contest(args.mode, checker, args).run()


def run_parity(args):
    ours = args.mode is not None and all(m.ours for m in args.mode)
    step = OurStep if ours else OfficialStep
    return 0 if all([check_f64(path, args.device, step) for path in args.parity]) else 1


def main():
    parser, args = parse_arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.parity:
        sys.exit(run_parity(args))
    sys.exit(run_modes(parser, args))


if __name__ == "__main__":
    main()
