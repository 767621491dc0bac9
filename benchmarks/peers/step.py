"""What the implementations of a training step have in common."""
import collections

import torch

from networks import make_networks

# One batch, its labels unified over the groups. `alpha` as in x_hat = alpha x_real + (1 - alpha)
# x_fake; None draws it.
Batch = collections.namedtuple("Batch", "x_real c_org c_trg alpha group")

# What a D or G step leaves: detached tensors on the device. `gradients` has those of the whole
# weighted loss, by name, and is None unless they were asked for.
Outcome = collections.namedtuple("Outcome", "losses images gradients")


class Step:
    """Networks and optimizers. Subclasses define macro(); a `config` has a parity file's keys.

    macro(batches, record, mark, update_g) updates D once per batch and then G once, on the last
    batch; returns the D steps' outcomes and the G step's, which is None without `update_g`.
    `record` keeps copies of the gradients; `mark` is called between the last D step and G's.
    """

    def __init__(self, config, device, dtype=torch.float32, channels_last=False, adam="default"):
        self.config, self.device, self.dtype = config, device, dtype
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.G, self.D = make_networks(config)
        for net in (self.G, self.D):
            net.to(device=device, dtype=dtype, memory_format=self.format)
        self.g_optimizer, self.adam = make_adam(self.G, config, config["g_lr"], adam)
        self.d_optimizer, _ = make_adam(self.D, config, config["d_lr"], adam)

    def tensor(self, x):
        layout = {"memory_format": self.format} if x.dim() == 4 else {}
        return x.to(device=self.device, dtype=self.dtype, **layout)

    def alpha(self, batch):
        if batch.alpha is not None:
            return batch.alpha
        return torch.rand(batch.x_real.size(0), 1, 1, 1, device=self.device, dtype=self.dtype)

    def state(self):
        """All tensors that an iteration changes and the next one reads; Adam's come last."""
        tensors = [t for net in (self.G, self.D) for t in (*net.parameters(), *net.buffers())]
        moments = [t for optimizer in (self.g_optimizer, self.d_optimizer)
                   for moment in optimizer.state.values() for t in moment.values()
                   if torch.is_tensor(t)]
        return tensors + moments


def make_adam(net, config, lr, kind):
    """Adam, and which: default as the official code has it, fused, or capturable in a graph."""
    options = {"lr": lr, "betas": (config["beta1"], config["beta2"]), "eps": config["adam_eps"]}
    parameters = list(net.parameters())
    if kind == "default" or parameters[0].device.type != "cuda":
        return torch.optim.Adam(parameters, **options), "default"
    options["capturable"] = kind == "capturable"
    try:
        return torch.optim.Adam(parameters, fused=True, **options), f"fused, {kind}"
    except (TypeError, RuntimeError, ValueError):  # an older PyTorch
        return torch.optim.Adam(parameters, foreach=True, **options), f"foreach, {kind}"


def copy_gradients(net):
    return {name: p.grad.detach().clone() for name, p in net.named_parameters()}


def detached(tensors):
    return {name: t.detach() for name, t in tensors.items()}
