"""Times the steps of modes, in rounds."""
import math
import resource
import statistics
import time

import torch

from networks import WGAN_GP
from step import Batch


def make_config(args):
    """The configuration that is timed, in a parity file's words."""
    return {"image_size": args.image_size, "g_conv_dim": args.g_conv_dim,
            "d_conv_dim": args.d_conv_dim, "g_repeat": args.g_repeat_num,
            "d_repeat": args.d_repeat_num, "batch": args.batch_size,
            "groups": [{"dim": args.labels, "kind": "multi_label"}], "lambda_cls": 1.0,
            "lambda_rec": 10.0, "lambda_gp": 10.0, "g_lr": 1e-4, "d_lr": 1e-4, "beta1": 0.5,
            "beta2": 0.999, "adam_eps": 1e-8, "n_critic": args.n_critic, "gan": WGAN_GP}


def synthetic_batch(step):
    cfg = step.config
    x_real = torch.rand(cfg["batch"], 3, cfg["image_size"], cfg["image_size"]) * 2 - 1
    c_org = torch.randint(0, 2, (cfg["batch"], cfg["groups"][0]["dim"]))
    return Batch(*(step.tensor(t) for t in (x_real, c_org, c_org.roll(1, 0))), None, 0)


def require_finite(losses):
    if not all(math.isfinite(value.item()) for value in losses.values()):
        raise FloatingPointError(", ".join(f"{k} {v.item()}" for k, v in losses.items()))


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


class Clock:
    """Stamps that do not make the host wait for the GPU."""

    def __init__(self, device):
        self.device = device

    def stamp(self):
        if self.device != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def ms(self, start, end):
        """Only after synchronize()."""
        return start.elapsed_time(end) if self.device == "cuda" else 1e3 * (end - start)


def time_round(step, batches, repeats):
    """Medians of `repeats` macro-iterations, one after the other without waiting between them.

    iteration_ms is per update of D, fastest_ms that of the fastest macro-iteration. Where D's and
    G's part can be told apart, d_step_ms has all forward passes of G that D's updates need, also
    those that the G step uses again.
    """
    clock, halves = Clock(step.device), []
    step.macro(batches)
    synchronize(step.device)
    stamps = [clock.stamp()]
    for _ in range(repeats):
        outcomes = step.macro(batches, mark=lambda: halves.append(clock.stamp()))
        stamps.append(clock.stamp())
    synchronize(step.device)
    for outcome in (*outcomes[0], outcomes[1]):
        require_finite(outcome.losses)
    n = len(batches)
    whole = times_ms(clock, stamps, stamps[1:])
    result = {"iteration_ms": statistics.median(whole) / n, "fastest_ms": min(whole) / n}
    if halves:
        result["d_step_ms"] = statistics.median(times_ms(clock, stamps, halves)) / n
        result["g_step_ms"] = statistics.median(times_ms(clock, halves, stamps[1:]))
    return result


def times_ms(clock, starts, ends):
    return [clock.ms(start, end) for start, end in zip(starts, ends)]


def summary(rounds):
    """Medians over rounds, and between which rounds an iteration's time lies."""
    report = {key: statistics.median(r[key] for r in rounds) if key in rounds[0] else None
              for key in ("d_step_ms", "g_step_ms", "iteration_ms")}
    times = [r["iteration_ms"] for r in rounds]
    return {**report, "iteration_min_ms": min(times), "iteration_max_ms": max(times)}


class PeakMemory:
    """Peaks while the block runs, in MB: of the process, and of what the block adds on the device.

    Linux forgets a process's peak when asked to; elsewhere it is the peak since the start.
    """

    def __init__(self, device):
        self.device, self.rss_mb, self.device_mb = device, None, None

    def __enter__(self):
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as f:
                f.write("5")
        except OSError:
            pass
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        return self

    def __exit__(self, *_):
        self.rss_mb = peak_rss_mb()
        if self.device == "cuda":
            self.device_mb = (torch.cuda.max_memory_allocated() - self.before) / 2 ** 20


def peak_rss_mb():
    try:
        with open("/proc/self/status", encoding="ascii") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
