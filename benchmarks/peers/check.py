"""Whether a mode, in its own precision, computes what parity files say.

Measures, each with a tolerance by precision:
- loss: |error| / (1 + |loss|), the sum of an absolute and a relative bound;
- x_fake, x_rec, x_hat_grad: ||error|| / ||value||;
- gradient, update: the same over a whole network; update is final minus initial weights;
- gradient_scale, update_scale: the value's share along the expected one, minus 1. Rounding errors
  have no direction and leave it near 0, where a wrong weight of a loss does not.
"""
import os

import torch

from modes import make_step, set_flags
from official_step import OfficialStep
from parity import ParityFile, relative_error, replay

# What was measured of the files in tests/data on CPUs, PyTorch 1.13, 2.11 and 2.15, in the worst of
# the modes and of runs with inputs disturbed by as much as rounding does; TF32 by rounding, or
# cutting off, every operand of every convolution, forward and back. A tolerance is mostly twice
# that or more; 1.25 times where the measured value hardly varies.
#
# f32 is strict: unless something sits at a kink (see `widened`), images are off by 5e-6, gradients
# by 8e-6, losses by 1e-7. TF32 has errors of 1e-3 in x_fake, so f32 that is not strict is found.
# Low precision flips ReLUs, and signs in the L1 loss wherever x_rec comes near x_real: x_rec off by
# 4 % turns G's gradient by 40 %, of which hardly anything lies along the gradient. Adam makes a
# whole step of a gradient's sign, so every wrong sign of a tiny gradient counts fully in an update:
# its norm says little (off by 0.9 for G in bf16), and its scale has to do. After one update the
# networks are not the file's any more: in tf32 and bf16 only the first iteration's images and
# gradients are compared, and the losses' tolerance grows as their error does.
TOLERANCE = {
    #                          f32    tf32   bf16      measured in tf32, bf16
    "loss":                   (1e-5,  1e-3,  2e-3),  # 2.7e-4, 7.2e-4 in the first iteration
    "x_fake":                 (5e-5,  5e-3,  0.04),  # 1.5e-3, 0.017
    "x_rec":                  (5e-5,  0.015, 0.12),  # 4.2e-3, 0.048
    "x_hat_grad":             (5e-5,  0.20,  0.30),  # 0.085, 0.13
    "gradient.D":             (1e-4,  0.06,  0.10),  # 0.026, 0.042
    "gradient.G":             (1e-4,  0.30,  0.80),  # 0.12, 0.40
    "gradient_scale.D":       (1e-4,  0.01,  0.02),  # 0.004, 0.007
    "gradient_scale.G":       (1e-4,  0.04,  0.20),  # 0.013, 0.09
    "update.D":               (0.05,  None,  None),
    "update.G":               (0.05,  None,  None),
    "update_scale.D":         (1e-3,  0.06,  0.15),  # 0.019, 0.025
    "update_scale.G":         (1e-3,  0.35,  0.50),  # 0.24, 0.40
}
PRECISIONS = ("f32", "tf32", "bf16")
LARGEST_LOSS_TOLERANCE = 0.03  # measured 0.009 in tf32, 0.012 in bf16, iterations 8 to 19

# What f32 may be granted near a kink: less than a wrong formula makes.
WIDEST = {"loss": 0.03, "x_fake": 0.01, "x_rec": 0.02, "x_hat_grad": 0.2, "gradient": 0.3,
          "gradient_scale": 0.03, "update": 0.7, "update_scale": 0.3}
NOISE, NOISY_RUNS, WIDENING = 4e-6, 6, 4


def tolerance_of(measure, precision, iteration):
    base = TOLERANCE[measure][PRECISIONS.index(precision)]
    if measure == "loss" and precision != "f32":
        return min(base * (1 + iteration), LARGEST_LOSS_TOLERANCE)
    return base


def errors_of(q):
    """The measures of a quantity and its errors."""
    if q.kind == "loss":
        got, want = q.got[""].item(), q.want[""].item()
        return {"loss": abs(got - want) / (1 + abs(want))}
    if q.kind == "image":
        return {q.name.split(".")[1]: relative_error(q)}
    net = q.name[-1]
    return {f"{q.kind}.{net}": relative_error(q), f"{q.kind}_scale.{net}": abs(scale(q) - 1)}


def scale(q):
    product = square = 0.0
    for key, got in q.got.items():
        start = q.start[key] if q.start else 0
        product += ((got - start) * (q.want[key] - start)).sum().item()
        square += (q.want[key] - start).pow(2).sum().item()
    return product / square


class Checker:
    """Holds parity files, and how far each moves under noise, for all modes."""

    def __init__(self, paths, device):
        self.device = device
        self.files = {path: ParityFile(path) for path in paths}
        self.moved = {}

    def check(self, mode, recorder=None):
        """The report of a mode's check: files, worst error by measure, and whether all is well."""
        report = {"status": "ok", "files": [], "worst": {}}
        for path, file in self.files.items():
            set_flags(mode)
            file.unseen = set(file.tensors)
            step = make_step(mode, file.config, self.device, recorder)
            misses = []
            for q in replay(step, file):
                misses += self.judge(mode.precision, path, q, report["worst"])
            # Without a penalty this engine's algorithm has no use for dD/dx_hat.
            left = sorted(file.unseen)
            misses += [name for name in left if not (mode.ours and name.endswith(".x_hat_grad"))]
            entry = {"file": os.path.basename(path), "status": "wrong" if misses else "ok"}
            entry.update({"misses": misses} if misses else {})
            entry.update({"not_applicable": left} if left else {})
            report["files"].append(entry)
            report["status"] = "wrong" if misses else report["status"]
        return report

    def judge(self, precision, path, q, worst):
        """Notes the errors of a quantity in `worst`; returns those beyond their tolerance."""
        misses = []
        if precision != "f32" and q.kind in ("image", "gradient") and q.iteration > 0:
            return misses
        for measure, error in errors_of(q).items():
            tolerance = tolerance_of(measure, precision, q.iteration)
            if tolerance is None:
                continue
            if precision == "f32" and not error <= tolerance:
                tolerance = self.widened(path, q, measure, tolerance)
            share = error / tolerance
            # "not <=" so that a NaN is a miss, and the worst
            if measure not in worst or not share <= worst[measure]["share"]:
                worst[measure] = {"share": share, "error": error, "tolerance": tolerance,
                                  "file": os.path.basename(path), "name": q.name}
            if not error <= tolerance:
                misses.append(f"{q.name}: {measure} {error:.1e}, allowed {tolerance:.1e}")
        return misses

    def widened(self, path, q, measure, tolerance):
        """A tolerance for f32 where a ReLU or the L1 loss may be within rounding of its kink.

        Crossing one is a jump of some 1e-3 in a gradient, or of 0.1 an update later. The tolerance
        becomes a multiple of what the official step in float64 moves when weights and images change
        by as much as rounding changes them; the mode that is judged has no part in it.
        """
        if path not in self.moved:
            self.moved[path] = movement(self.files[path])
        moved = self.moved[path].get(key_of(q, measure), 0.0)
        return max(tolerance, min(WIDENING * moved, WIDEST[measure.split(".")[0]]))


def key_of(q, measure):
    """The losses of an iteration share their movement."""
    return (q.iteration if measure == "loss" else q.name), measure


def movement(file):
    """How far noise moves every quantity from what float64 gives without, by key_of.

    A loss moves at least as far as those of earlier iterations. The file's own values have no part
    in it, so wrong ones do not widen anything.
    """
    largest, generator = {}, torch.Generator().manual_seed(1)
    exact = dict(file.tensors)

    def run():
        return replay(OfficialStep(file.config, "cpu", torch.float64), file)

    still = run()
    try:
        for _ in range(NOISY_RUNS):
            for name, tensor in exact.items():
                if name.endswith(".x_real") or name[:2] in ("G.", "D."):
                    noise = torch.randn(tensor.shape, generator=generator)
                    file.tensors[name] = tensor * (1 + NOISE * noise)
            for a, b in zip(run(), still):
                for measure, error in errors_of(a._replace(want=b.got)).items():
                    key = key_of(a, measure)
                    largest[key] = max(largest.get(key, 0.0), error)
    finally:
        file.tensors = exact
    for i in range(1, file.config["iterations"]):
        largest[i, "loss"] = max(largest[i, "loss"], largest[i - 1, "loss"])
    return largest
