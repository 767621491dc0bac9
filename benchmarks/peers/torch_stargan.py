#!/usr/bin/env python3
"""StarGAN (Choi et al., CVPR 2018) training step in PyTorch: timing peer and numeric oracle.

Timing: does the work of the official solver in its order, on one fixed synthetic batch:
a D step runs G with a graph it never uses, then D three times (real, fake, interpolate) and
a double backward; a G step recomputes the fake, reconstructs, and leaves unused gradients in D.
    torch_stargan.py --image-size 64 --batch-size 16 --precision f32 --json out.json
Oracle: replays stargan-parity-1 files in float64; the exit status is 1 if any disagrees.
    torch_stargan.py --parity a.safetensors b.safetensors
"""
import argparse
import json
import resource
import statistics
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# The files round weights and batches to float32, which alone moves float64 gradients by 3e-6.
# Adam turns that into a whole step where a gradient is near zero, hence the looser bound on the
# update, final minus initial weights. Weights that were never updated would be off by 1.
TOLERANCE = {"loss": 1e-5, "image": 1e-5, "gradient": 1e-5, "update": 0.05}
WGAN_GP = "wgan-gp"


def norm(channels):
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)


class ResidualBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(dim, dim, 3, 1, 1, bias=False), norm(dim), nn.ReLU(inplace=True),
            nn.Conv2d(dim, dim, 3, 1, 1, bias=False), norm(dim))

    def forward(self, x):
        return x + self.main(x)


class Generator(nn.Module):
    def __init__(self, conv_dim, label_dim, repeat_num):
        super().__init__()

        def block(conv, c_in, c_out, kernel, stride, padding):
            return [conv(c_in, c_out, kernel, stride, padding, bias=False), norm(c_out),
                    nn.ReLU(inplace=True)]

        d = conv_dim
        layers = block(nn.Conv2d, 3 + label_dim, d, 7, 1, 3)
        layers += block(nn.Conv2d, d, 2 * d, 4, 2, 1) + block(nn.Conv2d, 2 * d, 4 * d, 4, 2, 1)
        layers += [ResidualBlock(4 * d) for _ in range(repeat_num)]
        layers += block(nn.ConvTranspose2d, 4 * d, 2 * d, 4, 2, 1)
        layers += block(nn.ConvTranspose2d, 2 * d, d, 4, 2, 1)
        layers += [nn.Conv2d(d, 3, 7, 1, 3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x, c):
        planes = c[:, :, None, None].expand(-1, -1, x.size(2), x.size(3))
        return self.main(torch.cat([x, planes], dim=1))


class Discriminator(nn.Module):
    def __init__(self, image_size, conv_dim, class_dim, repeat_num):
        super().__init__()
        layers, c_in, c_out = [], 3, conv_dim
        for _ in range(repeat_num):
            layers += [nn.Conv2d(c_in, c_out, 4, 2, 1), nn.LeakyReLU(0.01)]
            c_in, c_out = c_out, 2 * c_out
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(c_in, 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(c_in, class_dim, image_size >> repeat_num, bias=False)

    def forward(self, x):
        h = self.main(x)
        return self.conv1(h), self.conv2(h).flatten(1)


def adversarial_loss(patches, real, gan):
    """What D minimises on real or fake images."""
    if gan == WGAN_GP:
        return -patches.mean() if real else patches.mean()
    return F.softplus(-patches if real else patches).mean()


class Trainer:
    """Networks, optimizers and the two steps. `config` has the keys of a parity file."""

    def __init__(self, config, device, dtype=torch.float32, bf16=False, channels_last=False):
        self.config, self.device, self.dtype, self.bf16 = config, device, dtype, bf16
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        groups = config["groups"]
        classes = sum(g["dim"] for g in groups)
        labels = classes + (len(groups) if len(groups) > 1 else 0)
        self.G = Generator(config["g_conv_dim"], labels, config["g_repeat"])
        self.D = Discriminator(config["image_size"], config["d_conv_dim"], classes,
                               config["d_repeat"])
        for net in (self.G, self.D):
            net.to(device=device, dtype=dtype, memory_format=self.format)
        betas, eps = (config["beta1"], config["beta2"]), config["adam_eps"]
        self.g_optimizer = torch.optim.Adam(self.G.parameters(), config["g_lr"], betas, eps)
        self.d_optimizer = torch.optim.Adam(self.D.parameters(), config["d_lr"], betas, eps)

    def tensor(self, x):
        layout = {"memory_format": self.format} if x.dim() == 4 else {}
        return x.to(device=self.device, dtype=self.dtype, **layout)

    def class_loss(self, logits, labels, group):
        groups = self.config["groups"]
        first, g = sum(h["dim"] for h in groups[:group]), groups[group]
        z, y = logits[:, first:first + g["dim"]], labels[:, first:first + g["dim"]]
        if g["kind"] == "multi_label":
            return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / z.size(0)
        return F.cross_entropy(z, y.argmax(1))

    def update(self, loss, optimizer):
        self.g_optimizer.zero_grad()
        self.d_optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def d_step(self, x_real, c_org, c_trg, alpha=None, group=0):
        """One update of D; alpha as in x_hat = alpha x_real + (1 - alpha) x_fake."""
        cfg = self.config
        if alpha is None:
            alpha = torch.rand(x_real.size(0), 1, 1, 1, device=self.device, dtype=self.dtype)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.bf16):
            real, logits = self.D(x_real)
            x_fake = self.G(x_real, c_trg).to(self.dtype)
            fake, _ = self.D(x_fake.detach())
            x_hat = (alpha * x_real + (1 - alpha) * x_fake.detach()).requires_grad_(True)
            hat, _ = self.D(x_hat)
        real, fake, hat, logits = (t.to(self.dtype) for t in (real, fake, hat, logits))
        d_real = adversarial_loss(real, True, cfg["gan"])
        d_fake = adversarial_loss(fake, False, cfg["gan"])
        d_cls = self.class_loss(logits, c_org, group)
        penalised = cfg["gan"] == WGAN_GP
        x_hat_grad = torch.autograd.grad(hat.sum(), x_hat, create_graph=penalised)[0]
        d_gp = x_hat_grad.new_zeros(())
        if penalised:
            d_gp = ((x_hat_grad.flatten(1).pow(2).sum(1).sqrt() - 1) ** 2).mean()
        loss = d_real + d_fake + cfg["lambda_cls"] * d_cls + cfg["lambda_gp"] * d_gp
        self.update(loss, self.d_optimizer)
        losses = {"d_real": d_real, "d_fake": d_fake, "d_cls": d_cls, "d_gp": d_gp}
        outputs = {"x_fake": x_fake.detach(), "x_hat_grad": x_hat_grad.detach()}
        return {k: v.item() for k, v in losses.items()}, outputs

    def g_step(self, x_real, c_org, c_trg, group=0):
        """One update of G, after n_critic updates of D."""
        cfg = self.config
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.bf16):
            x_fake = self.G(x_real, c_trg)
            patches, logits = self.D(x_fake)
            x_rec = self.G(x_fake, c_org)
        patches, logits, x_rec = (t.to(self.dtype) for t in (patches, logits, x_rec))
        if cfg["gan"] == "vanilla-saturating":
            g_fake = -adversarial_loss(patches, False, cfg["gan"])
        else:
            g_fake = adversarial_loss(patches, True, cfg["gan"])
        g_rec = (x_real - x_rec).abs().mean()
        g_cls = self.class_loss(logits, c_trg, group)
        loss = g_fake + cfg["lambda_rec"] * g_rec + cfg["lambda_cls"] * g_cls
        self.update(loss, self.g_optimizer)
        losses = {"g_fake": g_fake, "g_rec": g_rec, "g_cls": g_cls}
        return {k: v.item() for k, v in losses.items()}, {"x_rec": x_rec.detach()}


def read_safetensors(path):
    """Returns the metadata and the tensors of a safetensors file that holds only F32."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}, not F32")
        array = np.frombuffer(data[slice(*entry["data_offsets"])], "<f4")
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return metadata, tensors


def check_parity(path, device):
    """Replays the run of a parity file in float64; returns whether everything agrees."""
    metadata, tensors = read_safetensors(path)
    if metadata.get("format") != "stargan-parity-1":
        raise ValueError(f"{path}: format is not stargan-parity-1")
    config = json.loads(metadata["config"])
    trainer = Trainer(config, device, torch.float64)
    nets = {"G": trainer.G, "D": trainer.D}
    worst, unseen = {}, set(tensors)

    def expected(name):
        unseen.discard(name)
        return tensors[name].to(device=device, dtype=torch.float64)

    def compare(kind, name, value, start=0.0):
        want = expected(name).flatten()
        value = torch.as_tensor(value, dtype=torch.float64, device=device).flatten()
        error, scale = (value - want).norm().item(), (want - start).norm().item()
        error = error / scale if scale > 0 else error
        # max() would drop a NaN
        if kind not in worst or not error <= worst[kind][0]:
            worst[kind] = (error, name)

    def check_step(prefix, net, losses, outputs):
        for key, value in losses.items():
            compare("loss", f"{prefix}.loss.{key}", value)
        if config["full"]:
            for key, value in outputs.items():
                compare("image", f"{prefix}.{key}", value)
            for key, p in nets[net].named_parameters():
                compare("gradient", f"{prefix}.grad.{net}.{key}", p.grad)

    with torch.no_grad():
        for net, module in nets.items():
            for key, p in module.named_parameters():
                p.copy_(expected(f"{net}.{key}"))
    for i in range(config["iterations"]):
        batch = [trainer.tensor(expected(f"it{i}.{k}")) for k in ("x_real", "c_org", "c_trg")]
        group = i % len(config["groups"])
        alpha = expected(f"it{i}.alpha")
        check_step(f"it{i}", "D", *trainer.d_step(*batch, alpha=alpha, group=group))
        if (i + 1) % config["n_critic"] == 0:
            check_step(f"it{i}", "G", *trainer.g_step(*batch, group=group))
    for net, module in nets.items():
        for key, p in module.named_parameters():
            start = expected(f"{net}.{key}").flatten()
            compare("update", f"final.{net}.{key}", p.detach(), start)
    ok = not unseen and all(error <= TOLERANCE[kind] for kind, (error, _) in worst.items())
    print(f"{path}: {'ok' if ok else 'FAILED'}, max relative error",
          ", ".join(f"{kind} {error:.1e} ({name})" for kind, (error, name) in worst.items()))
    if unseen:
        print(f"  tensors never compared: {', '.join(sorted(unseen))}")
    return ok


def measure(args):
    """Times D and G steps alternately on one synthetic batch; returns the report."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    config = {"image_size": args.image_size, "g_conv_dim": args.g_conv_dim,
              "d_conv_dim": args.d_conv_dim, "g_repeat": args.g_repeat_num,
              "d_repeat": args.d_repeat_num, "batch": args.batch_size,
              "groups": [{"dim": args.labels, "kind": "multi_label"}], "lambda_cls": 1.0,
              "lambda_rec": 10.0, "lambda_gp": 10.0, "g_lr": 1e-4, "d_lr": 1e-4, "beta1": 0.5,
              "beta2": 0.999, "adam_eps": 1e-8, "n_critic": args.n_critic, "gan": WGAN_GP}
    trainer = Trainer(config, args.device, bf16=args.precision == "bf16",
                      channels_last=args.channels_last)
    x_real = torch.rand(args.batch_size, 3, args.image_size, args.image_size) * 2 - 1
    c_org = torch.randint(0, 2, (args.batch_size, args.labels))
    batch = [trainer.tensor(t) for t in (x_real, c_org, c_org.roll(1, 0))]
    times = {"d_step": [], "g_step": []}

    def synchronize():
        if args.device == "cuda":
            torch.cuda.synchronize()

    for i in range(args.warmup + args.repeats):
        for name, values in times.items():
            synchronize()
            start = time.perf_counter()
            losses, _ = getattr(trainer, name)(*batch)
            synchronize()
            if i >= args.warmup:
                values.append(1e3 * (time.perf_counter() - start))
            if not all(np.isfinite(v) for v in losses.values()):
                raise FloatingPointError(f"{name}: {losses}")
    d_ms, g_ms = (statistics.median(values) for values in times.values())
    report = {"d_step_ms": d_ms, "g_step_ms": g_ms,
              "iteration_ms": (args.n_critic * d_ms + g_ms) / args.n_critic,
              "d_step_min_ms": min(times["d_step"]), "g_step_min_ms": min(times["g_step"]),
              "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
              "torch": torch.__version__, "threads": torch.get_num_threads(),
              "device": args.device, "precision": args.precision,
              "channels_last": args.channels_last, "warmup": args.warmup,
              "repeats": args.repeats, "config": config}
    if args.device == "cuda":
        report["device_name"] = torch.cuda.get_device_name()
        report["peak_device_mb"] = torch.cuda.max_memory_allocated() / 2 ** 20
        report["conv_tf32"] = torch.backends.cudnn.allow_tf32
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("image-size", 64), ("batch-size", 16), ("labels", 5),
                          ("g-conv-dim", 16), ("d-conv-dim", 16), ("g-repeat-num", 3),
                          ("d-repeat-num", 4), ("n-critic", 5), ("warmup", 3), ("repeats", 10)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, help="default: PyTorch's choice")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="write the measurements to FILE")
    parser.add_argument("--parity", metavar="FILE", nargs="+", help="check, do not measure")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.parity:
        sys.exit(0 if all([check_parity(path, args.device) for path in args.parity]) else 1)
    report = measure(args)
    print("d_step {d_step_ms:.2f} ms, g_step {g_step_ms:.2f} ms, iteration {iteration_ms:.2f} ms, "
          "peak rss {peak_rss_mb:.0f} MB (torch {torch}, {threads} threads)".format(**report))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(report, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    main()
