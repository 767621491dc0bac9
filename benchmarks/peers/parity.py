"""Replays stargan-parity-1 files with a step and compares what it computes with what they say."""
import collections
import json
import math
import struct

import torch

from official_step import OfficialStep
from step import Batch

# One replayed thing: `got` and `want` are f64 tensors by name; `start` is where an update began.
Quantity = collections.namedtuple("Quantity", "kind name iteration got want start")

# In float64. The files round weights and batches to float32, which alone moves float64 gradients
# by 3e-6. Adam turns that into a whole step where a gradient is near zero, hence the looser bound
# on the update, final minus initial weights. Weights that were never updated would be off by 1.
F64_TOLERANCE = {"loss": 1e-5, "image": 1e-5, "gradient": 1e-5, "update": 0.05}


class ParityFile:
    """The configuration and tensors of a file; remembers what was never asked for."""

    def __init__(self, path):
        self.path = path
        try:
            metadata, self.tensors = read_safetensors(path)
        except (ValueError, KeyError, RuntimeError, struct.error) as error:
            raise ValueError(f"{path}: not a whole safetensors file: {error}") from error
        if metadata.get("format") != "stargan-parity-1":
            raise ValueError(f"{path}: format is not stargan-parity-1")
        self.config = json.loads(metadata["config"])
        self.unseen = set(self.tensors)

    def expected(self, name):
        self.unseen.discard(name)
        return self.tensors[name].double()


def read_safetensors(path):
    """Returns the metadata and the tensors of a safetensors file that holds only F32."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = bytearray(f.read())
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{name} is {entry['dtype']}, not F32")
        first, end = entry["data_offsets"]
        values = torch.frombuffer(data, dtype=torch.float32, count=(end - first) // 4,
                                  offset=first)
        tensors[name] = values.reshape(entry["shape"]).clone()
    return metadata, tensors


def replay(step, file):
    """Takes a file's weights and batches through a step; returns everything it says about it."""
    config, quantities = file.config, []
    load_weights(step, file)
    for first in range(0, config["iterations"], config["n_critic"]):
        end = min(first + config["n_critic"], config["iterations"])
        update_g = end - first == config["n_critic"]
        of_d, of_g = step.macro([read_batch(step, file, i) for i in range(first, end)],
                                record=config["full"], update_g=update_g)
        for i, outcome in enumerate(of_d, first):
            quantities += outcome_quantities(file, i, "D", outcome)
        if update_g:
            quantities += outcome_quantities(file, end - 1, "G", of_g)
    for name, net in (("G", step.G), ("D", step.D)):
        got = {key: p for key, p in net.named_parameters()}
        start = {key: file.expected(f"{name}.{key}") for key in got}
        quantities.append(quantity(file, "update", f"final.{name}", config["iterations"] - 1, got,
                                   start))
    return quantities


def load_weights(step, file):
    with torch.no_grad():
        for name, net in (("G", step.G), ("D", step.D)):
            for key, p in net.named_parameters():
                p.copy_(file.expected(f"{name}.{key}"))


def read_batch(step, file, i):
    x_real, c_org, c_trg, alpha = (step.tensor(file.expected(f"it{i}.{key}"))
                                   for key in ("x_real", "c_org", "c_trg", "alpha"))
    return Batch(x_real, c_org, c_trg, alpha, i % len(file.config["groups"]))


def outcome_quantities(file, i, net, outcome):
    found = [quantity(file, "loss", f"it{i}.loss.{key}", i, {"": value})
             for key, value in outcome.losses.items()]
    if file.config["full"]:
        found += [quantity(file, "image", f"it{i}.{key}", i, {"": value})
                  for key, value in outcome.images.items()]
        found.append(quantity(file, "gradient", f"it{i}.grad.{net}", i, outcome.gradients))
    return found


def quantity(file, kind, name, i, got, start=None):
    """Copies to the CPU at once: the next iteration may overwrite what a CUDA graph computed."""
    got = {key: value.detach().to("cpu", torch.float64) for key, value in got.items()}
    want = {key: file.expected(f"{name}.{key}" if key else name) for key in got}
    return Quantity(kind, name, i, got, want, start)


def relative_error(q, keys=None):
    """||got - want|| / ||want||, or / ||want - start||, over the tensors `keys`, default all."""
    difference = scale = 0.0
    for key in keys or q.got:
        change = q.want[key] - (q.start[key] if q.start else 0)
        difference += (q.got[key] - q.want[key]).pow(2).sum().item()
        scale += change.pow(2).sum().item()
    return math.sqrt(difference / scale) if scale > 0 else math.sqrt(difference)


def check_f64(path, device, step_class=OfficialStep):
    """Replays a file in float64, tensor by tensor; returns whether everything agrees."""
    file = ParityFile(path)
    worst = {}
    for q in replay(step_class(file.config, device, torch.float64), file):
        for key in q.got:
            error = relative_error(q, [key])
            # max() would drop a NaN
            if q.kind not in worst or not error <= worst[q.kind][0]:
                worst[q.kind] = (error, f"{q.name}.{key}" if key else q.name)
    ok = all(error <= F64_TOLERANCE[kind] for kind, (error, _) in worst.items())
    if step_class is OfficialStep:
        ok = ok and not file.unseen
    print(f"{path}: {'ok' if ok else 'FAILED'}, max relative error",
          ", ".join(f"{kind} {error:.1e} ({name})" for kind, (error, name) in worst.items()))
    if file.unseen:
        print(f"  tensors never compared: {', '.join(sorted(file.unseen))}")
    return ok
