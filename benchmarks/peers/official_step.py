"""A training step as the official solver takes it: its work, in its order.

A D step runs G with a graph that it never uses, then D three times (real, fake, interpolate) and a
double backward; a G step recomputes the fake and leaves unused gradients in D. Only the losses stay
on the device: the official code reads each one as soon as it is known, which would stop a GPU.
"""
import functools

import torch

from networks import WGAN_GP, adversarial_loss, class_loss, generator_losses
from step import Outcome, Step, copy_gradients, detached

try:
    from torch.func import functional_call
except ImportError:  # PyTorch 1.13
    from torch.nn.utils.stateless import functional_call


class OfficialStep(Step):
    def __init__(self, config, device, dtype=torch.float32, bf16=False, channels_last=False,
                 adam="default", compiled=False, captured=False):
        super().__init__(config, device, dtype, channels_last, adam)
        self.bf16, self.captured = bf16, captured
        self.g_forward, self.d_forward = self.G, self.D
        if compiled:
            # Without a reset, networks of earlier checks would count towards the limit of
            # recompilations, past which PyTorch goes on uncompiled.
            torch._dynamo.reset()
            options = {"dynamic": False, "fullgraph": True}
            self.g_forward = torch.compile(self.G, **options)
            self.d_forward = torch.compile(self.D, **options)

    def autocast(self):
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.bf16,
                              cache_enabled=not self.captured)

    def forwards(self):
        """G, D, and D for the penalty, whose double backward torch.compile refuses.

        In a capture autocast's cache of weights in bf16 is off. Casting them here, once a step,
        saves what the cache would: two of D's three casts.
        """
        if not (self.bf16 and self.captured):
            return self.g_forward, self.d_forward, self.D
        half = {net: {name: p.to(torch.bfloat16) for name, p in net.named_parameters()
                      if net is self.D or p.dim() == 4} for net in (self.G, self.D)}
        g, d = (functools.partial(call, net, half[net]) for net in (self.G, self.D))
        return g, d, d

    def update(self, loss, optimizer):
        self.g_optimizer.zero_grad(set_to_none=True)
        self.d_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def d_step(self, batch, record=False):
        """One update of D."""
        cfg, alpha = self.config, self.alpha(batch)
        with self.autocast():
            G, D, penalised_D = self.forwards()
            real, logits = D(batch.x_real)
            x_fake = G(batch.x_real, batch.c_trg).to(self.dtype)
            fake, _ = D(x_fake.detach())
            x_hat = alpha * batch.x_real + (1 - alpha) * x_fake.detach()
            x_hat.requires_grad_(True)
            hat, _ = penalised_D(x_hat)
        real, fake, hat, logits = (t.to(self.dtype) for t in (real, fake, hat, logits))
        d_real = adversarial_loss(real, True, cfg["gan"])
        d_fake = adversarial_loss(fake, False, cfg["gan"])
        d_cls = class_loss(cfg, logits, batch.c_org, batch.group)
        penalised = cfg["gan"] == WGAN_GP
        x_hat_grad = torch.autograd.grad(hat.sum(), x_hat, create_graph=penalised)[0]
        d_gp = x_hat_grad.new_zeros(())
        if penalised:
            d_gp = ((x_hat_grad.flatten(1).pow(2).sum(1).sqrt() - 1) ** 2).mean()
        self.update(d_real + d_fake + cfg["lambda_cls"] * d_cls + cfg["lambda_gp"] * d_gp,
                    self.d_optimizer)
        losses = {"d_real": d_real, "d_fake": d_fake, "d_cls": d_cls, "d_gp": d_gp}
        return Outcome(detached(losses), detached({"x_fake": x_fake, "x_hat_grad": x_hat_grad}),
                       copy_gradients(self.D) if record else None)

    def g_step(self, batch, record=False):
        """One update of G, after n_critic updates of D."""
        with self.autocast():
            G, D, _ = self.forwards()
            x_fake = G(batch.x_real, batch.c_trg)
            patches, logits = D(x_fake)
            x_rec = G(x_fake, batch.c_org)
        patches, logits, x_rec = (t.to(self.dtype) for t in (patches, logits, x_rec))
        losses, total = generator_losses(self.config, patches, logits, x_rec, batch)
        self.update(total, self.g_optimizer)
        return Outcome(detached(losses), {"x_rec": x_rec.detach()},
                       copy_gradients(self.G) if record else None)

    def macro(self, batches, record=False, mark=None, update_g=True):
        of_d = [self.d_step(batch, record) for batch in batches]
        if mark:
            mark()
        return of_d, self.g_step(batches[-1], record) if update_g else None


def call(net, weights, *args):
    return functional_call(net, weights, args)
