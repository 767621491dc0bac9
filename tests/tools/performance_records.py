"""Writes an example record for performance.sh, of the kind that its file's name begins with.

usage: performance_records.py FILE CHANGE     CHANGE is Python, of the record r; may be empty
"""
import json
import pathlib
import sys


def bench(command, arguments, cases, device="cpu", **more):
    e = {"date": "2026-01-02", "device": device, "device_name": "A Processor", "threads": 2,
         "isa": "avx2", "version": "0.9", "commit": "abc1234", "modified": True,
         "compiler": "12.2.0", "libraries": {"oneDNN": "2.6.3"}}
    return {"format": "stargan-bench-1", "command": command, "arguments": f"{command} {arguments}",
            "environment": e, "ceilings": [], "cases": cases, "measurements": [], **more}


def row(version, name, ms, **more):
    return {"version": version, "name": name, "what": "an idea | of it", "error": 1e-6,
            "median_ms": ms, "min_ms": ms, "max_ms": ms, "spread": 0.03, "outliers": 0, **more}


def conv(layer, flops, precision, rows, **more):
    return {"kernel": "conv_forward", "layer": layer, "shape": "1x8x8x64 3x3", "device": "cpu",
            "precision": precision, "bytes": 2e6, "flops": flops, "rows": rows, **more}


def suite():
    ladder = [row(1, "plain", 8.0), row(2, "tiled", 4.0), row(3, "absent", 1),
              row(4, "winograd", 2.5, spread=0.034, outliers=1, warm_ms=2.25, of_ceiling=0.714,
                  of_floor=0.62), row(0, "oneDNN", 5.0), row(0, "slow & <er>", 9.0)]
    ladder[2] = {"version": 3, "name": "absent", "skipped": "needs AMX"}
    norm = {"kernel": "instance_norm_forward", "shape": "16x4x4x8", "precision": "f32",
            "bytes": 1e6, "flops": 3e6, "rows": [row(1, "two passes", 0.5)]}
    return [conv("res", 4e8, "f32", ladder), conv("stem", 1e8, "f32", ladder[:2]), norm,
            conv("res", 4e8, "bf16", [row(4, "winograd", 1.6, ratio=1.5), row(0, "oneDNN", 2.4)]),
            conv("up1", 4e8, "bf16", [{"version": 1, "name": "plain", "skipped": "no | bf16"}]),
            {"kernel": "label_concat", "shape": "", "precision": "f32", "error": "a | b",
             "rows": [row(1, "x", 1.0)]}]


def sim():
    rows = [{"version": v, "name": f"v{v}", "error": 0, "sectors": 100000 // v,
             "bank_conflicts": 7 * v, "barriers": 3} for v in (1, 2)]
    return [{"kernel": "conv_forward", "shape": "1x4x4x64", "precision": "bf16", "bytes": 10,
             "flops": 20, "rows": rows}]


ceilings = [{"name": "copy", "what": "256 MiB", "value": 0.012, "unit": "TB/s"},
            {"name": "matrix product f32", "what": "1024", "value": 0.2, "unit": "TFLOP/s"},
            {"name": "matrix product bf16", "missing": "no bf16"}]
demo = {"image_size": 64, "batch": 16, "labels": 5, "g_conv_dim": 16, "d_conv_dim": 16,
        "g_repeat": 3, "d_repeat": 4, "n_critic": 5}
paper = {**demo, "image_size": 128, "g_conv_dim": 64, "d_conv_dim": 64, "g_repeat": 6,
         "d_repeat": 6}


def step():
    stages = [{"name": "D forward", "in": "D step", "ms": 3.1, "share": 0.12},
              {"name": "G forward", "in": "G step", "ms": 20.5, "share": 0.5}]
    times = {"d_step_ms": 28.04, "g_step_ms": 95.0, "iteration_ms": 47.1, "spread": 0.02,
             "tensor_peak_mb": 61.0, "peak_rss_mb": 101.4}
    large = {"config": paper, **times, "iteration_ms": 2094.0}
    return [{"precision": "f32", "step": "fused", "config": demo, **times, "stages": stages},
            {"precision": "bf16", "step": "fused", "config": demo, **times, "stages": stages[:1]},
            {"precision": "tf32", "step": "fused", **large}]


def scale():
    points = [{"x": x, "iteration_ms": 2.0 * x ** 1.5, "d_step_ms": 1.0, "g_step_ms": 5.0,
               "model_ms": 3.0 * x} for x in (16, 32, 64)]
    return [{"axis": "image", "precision": "f32", "points": points, "exponent": 1.5,
             "model_exponent": 1.0, "departures": ["from 32 to 64: 1.5 instead of 1.0"]}]


def contest():
    return {"format": "stargan-peers-1", "torch": "2.0", "device": "cuda", "device_name": "A GPU",
            "threads": 4, "warmup": 1, "repeats": 2, "config": paper,
            "modes": [{"mode": "eager-f32", "status": "measured", "iteration_ms": 20.0},
                      {"mode": "ours", "status": "skipped", "reason": "needs | more"}]}


def check():
    gpu = bench("kernels", "--device cuda --suite paper --json /tmp/x/k.json", suite(), "cuda")
    gpu["environment"].update(device_name="A GPU", clock_mhz=1980, memory_clock_mhz=3201)
    roof = bench("ceilings", "--device cuda", [], "cuda", ceilings=ceilings)
    roof["environment"].update(device_name="A GPU")
    data = [("kernels", {"bf16": gpu}), ("ceilings", {"all": roof}),
            ("training", {"losses": {"curves": []}}), ("peers", {"torch": contest()})]
    return {"format": "stargan-gpu-check-1", "facts": {"date": "2026-01-05T00:00:00Z"}, "stages": [
        {"name": n, "status": "passed", "data": d} for n, d in data]}


def peers():
    def entry(name, precision, ms, ratio, **more):
        median = {"d_step_ms": ms, "g_step_ms": 3 * ms, "iteration_ms": 1.6 * ms,
                  "peak_rss_mb": 800.2}
        return {"command": name, "name": name, "precision": precision, "median": median,
                "best": {"iteration_ms": 1.5 * ms}, "ratio": {"iteration_ms": ratio},
                "best_ratio": ratio + 0.1, "iteration_ratio_range": [ratio - 1, ratio + 1], **more}
    return {"date": "2026-01-04", "commit": "def5678", "rounds": 4, "device_name": "A Processor",
            "isa": "AVX2", "threads": 2, "warmup": 2, "repeats": 6, "config": demo, "entries": [
                entry("sg", "f32", 10.0, 1.0),
                entry("torch 2.11.0+cpu", "bf16", 25.0, 2.5, mode="ours")]}


KINDS = {
    "suite": lambda: bench("kernels", "--device cpu --suite demo --json /tmp/k.json", suite(),
                           ceilings=ceilings, left=2),
    "sim": lambda: bench("kernels", "--device sim --kernel conv_forward", sim(), "sim"),
    "ceilings": lambda: bench("ceilings", "--device cpu", [], ceilings=ceilings),
    "step": lambda: bench("step", "--device cpu", step()),
    "scale": lambda: bench("scale", "--device cpu", scale()),
    "loader": lambda: bench("loader", "--device cpu", [{
        "data": "faces", "name": "next batch", "unit": "ms", "median": 2.34, "min": 2.2,
        "max": 2.56}]),
    "check": check, "peers": peers, "sources": lambda: {"kernels/adam": "0123456789abcdef"},
}

path = pathlib.Path(sys.argv[1])
r = KINDS[path.stem.split("-")[0]]()
exec(sys.argv[2])
path.write_text(json.dumps(r))
