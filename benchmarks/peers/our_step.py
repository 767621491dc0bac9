"""This engine's algorithm of a training step in PyTorch.

- D sees real, fake and x_hat as one batch; one chain of input gradients runs back over it.
- The gradient penalty is differentiated in closed form. D is piecewise linear: with its masks m,
  the cotangents u of the way back from the summed patches and g = dD/dx_hat, a tangent t starts as
  d penalty/dg and goes forward, t <- m * conv(t, W), and the penalty's gradient of a layer's W is
  the weight gradient of (t, u). Biases and the class head get nothing.
- G does not change while D is updated, so the fakes of n_critic D steps come from one batch, all
  but the last without a graph; the last one's activations serve the G step as well.
- No gradient is computed that nobody needs: none of x_real, none of D's weights in the G step; the
  first layer of D only passes x_hat's. Instance norm keeps no running statistics: nothing reads
  them.
"""
import collections

import torch
import torch.nn.functional as F
from torch import nn

from networks import (WGAN_GP, ResidualBlock, adversarial_loss, class_loss, generator_losses,
                      group_slice, with_label_planes)
from step import Outcome, Step, copy_gradients, detached

SLOPE = 0.01

# D's weights in the computing precision: [(weight, bias)] of the strided layers, then the heads.
CriticWeights = collections.namedtuple("CriticWeights", "layers patch_head class_head")


class OurStep(Step):
    """`compute` is the type of weights and activations; losses and Adam stay in `dtype`."""

    def __init__(self, config, device, dtype=torch.float32, compute=None, channels_last=False,
                 adam="default"):
        super().__init__(config, device, dtype, channels_last, adam)
        self.compute = compute or dtype
        self.penalised = config["gan"] == WGAN_GP

    def low(self, parameter):
        return parameter.detach().to(self.compute)

    def macro(self, batches, record=False, mark=None, update_g=True):
        weights = self.g_weights()
        fakes = self.fakes(batches, weights, update_g)
        of_d = [self.d_step(batch, fake.detach(), record) for batch, fake in zip(batches, fakes)]
        if mark:
            mark()
        return of_d, self.g_step(batches[-1], fakes[-1], weights, record) if update_g else None

    def g_weights(self):
        """The leaves that G's gradients are taken of, in the order of its parameters."""
        return {name: (self.low(p) if p.dim() == 4 else p.detach()).requires_grad_()
                for name, p in self.G.named_parameters()}

    def generate(self, weights, x, c):
        planes = with_label_planes(x.to(self.compute), c.to(self.compute))
        return run_generator(self.G.main, "main", planes, weights)

    def fakes(self, batches, weights, update_g):
        """All fakes; only the last one has the graph that the G step needs."""
        before, last = batches[:-1], batches[-1]
        fakes = []
        if before:
            with torch.no_grad():
                x = torch.cat([batch.x_real for batch in before])
                c = torch.cat([batch.c_trg for batch in before])
                fakes += self.generate(weights, x, c).split(last.x_real.size(0))
        with torch.set_grad_enabled(update_g):
            return fakes + [self.generate(weights, last.x_real, last.c_trg)]

    def g_step(self, batch, x_fake, weights, record=False):
        """One update of G; gradients pass through D to the fake, but none of D's are computed."""
        critic = self.d_weights()
        h = d_forward(critic.layers, x_fake)[-1]
        patches, logits = d_heads(critic, h, h)
        x_rec = self.generate(weights, x_fake, batch.c_org)
        patches, logits, x_rec = (t.to(self.dtype) for t in (patches, logits, x_rec))
        losses, total = generator_losses(self.config, patches, logits, x_rec, batch)
        set_gradients(self.G, torch.autograd.grad(total, list(weights.values())))
        self.g_optimizer.step()
        return Outcome(detached(losses), {"x_rec": x_rec.detach()},
                       copy_gradients(self.G) if record else None)

    def d_weights(self):
        return CriticWeights([(self.low(m.weight), self.low(m.bias)) for m in self.D.main
                              if isinstance(m, nn.Conv2d)],
                             self.low(self.D.conv1.weight), self.low(self.D.conv2.weight))

    @torch.no_grad()
    def d_step(self, batch, x_fake, record=False):
        """One update of D. Rows of all tensors: real, fake and, if there is a penalty, x_hat."""
        cfg, n, critic = self.config, batch.x_real.size(0), self.d_weights()
        acts = d_forward(critic.layers, self.d_input(batch, x_fake))
        patches, logits = d_heads(critic, acts[-1], acts[-1][:n])
        s, z = patches.to(self.dtype), logits.to(self.dtype)
        seeds = patch_seeds(s, n, cfg["gan"]).to(self.compute)
        class_seeds = self.class_seeds(z, batch).to(self.compute)[:, :, None, None]
        losses = {"d_real": adversarial_loss(s[:n], True, cfg["gan"]),
                  "d_fake": adversarial_loss(s[n:2 * n], False, cfg["gan"]),
                  "d_cls": class_loss(cfg, z, batch.c_org, batch.group),
                  "d_gp": s.new_zeros(())}

        grad = conv_backward(seeds, acts[-1], critic.patch_head, 1, 1, (True, False))[0]
        of_real, of_class_head = conv_backward(class_seeds, acts[-1][:n], critic.class_head, 1, 0,
                                               (True, True))
        grad[:n] += of_real
        cotangents, x_hat_grad = d_backward(critic.layers, acts, grad, 2 * n)
        images = {"x_fake": x_fake}
        if self.penalised:
            images["x_hat_grad"] = x_hat_grad
            losses["d_gp"], tangent = self.penalty(x_hat_grad.to(self.dtype))
            push_tangent(critic.layers, acts, tangent.to(self.compute), 2 * n)
        gradients = []
        for (w, _), u, a in zip(critic.layers, cotangents, acts):
            gradients += [conv_backward(u, a, w, 2, 1, (False, True))[1],
                          u[:2 * n].sum((0, 2, 3), dtype=self.dtype)]
        gradients.append(conv_backward(seeds, acts[-1], critic.patch_head, 1, 1, (False, True))[1])
        set_gradients(self.D, gradients + [of_class_head])
        self.d_optimizer.step()
        return Outcome(losses, images, copy_gradients(self.D) if record else None)

    def d_input(self, batch, x_fake):
        rows = [batch.x_real.to(self.compute), x_fake]
        if self.penalised:
            alpha = self.alpha(batch)
            x_hat = alpha * batch.x_real + (1 - alpha) * x_fake.to(self.dtype)
            rows.append(x_hat.to(self.compute))
        return torch.cat(rows)

    def class_seeds(self, logits, batch):
        """d (lambda_cls d_cls) / d logits."""
        columns, multi_label = group_slice(self.config, batch.group)
        z, seeds = logits[:, columns], torch.zeros_like(logits)
        p = torch.sigmoid(z) if multi_label else torch.softmax(z, 1)
        seeds[:, columns] = (p - batch.c_org[:, columns]) * (self.config["lambda_cls"] / z.size(0))
        return seeds

    def penalty(self, g):
        """d_gp, and the gradient of lambda_gp d_gp with respect to g."""
        norms = g.flatten(1).pow(2).sum(1).sqrt()
        scale = (2 * self.config["lambda_gp"] / g.size(0)) * (1 - 1 / norms)
        return ((norms - 1) ** 2).mean(), scale.view(-1, 1, 1, 1) * g


def run_generator(layers, prefix, h, weights):
    """The official generator's layers on other weights than their own."""
    for index, layer in layers.named_children():
        name = f"{prefix}.{index}"
        if isinstance(layer, ResidualBlock):
            h = h + run_generator(layer.main, name + ".main", h, weights)
        elif isinstance(layer, nn.InstanceNorm2d):
            h = F.instance_norm(h, weight=weights[name + ".weight"], bias=weights[name + ".bias"],
                                eps=layer.eps)
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            conv = F.conv2d if isinstance(layer, nn.Conv2d) else conv_transpose
            h = conv(h, weights[name + ".weight"], stride=layer.stride, padding=layer.padding)
        else:
            h = layer(h)
    return h


def conv_transpose(x, w, **options):
    if x.dtype == torch.bfloat16 and x.device.type == "cpu" and torch.__version__ < "2":
        # PyTorch 1.13 has no such kernel; its autocast computes in f32, too.
        return F.conv_transpose2d(x.float(), w.float(), **options).to(x.dtype)
    return F.conv_transpose2d(x, w, **options)


def d_forward(layers, x):
    """The input of every strided layer, and the last one's output."""
    acts = [x]
    for w, b in layers:
        acts.append(F.leaky_relu_(F.conv2d(acts[-1], w, b, stride=2, padding=1), SLOPE))
    return acts


def d_heads(critic, for_patches, for_classes):
    return (F.conv2d(for_patches, critic.patch_head, padding=1),
            F.conv2d(for_classes, critic.class_head).flatten(1))


def patch_seeds(patches, n, gan):
    """d (d_real + d_fake) / d patches; in x_hat's rows d sum / d patches = 1."""
    seeds, count = torch.ones_like(patches), patches[:n].numel()
    if gan == WGAN_GP:
        seeds[:n].fill_(-1 / count)
        seeds[n:2 * n].fill_(1 / count)
    else:
        seeds[:n] = -torch.sigmoid(-patches[:n]) / count
        seeds[n:] = torch.sigmoid(patches[n:]) / count
    return seeds


def leaky_backward(grad, output):
    return torch.ops.aten.leaky_relu_backward(grad, output, SLOPE, True)


def conv_backward(grad, x, w, stride, padding, wanted):
    """The gradients with respect to input and weight, each if `wanted`."""
    return torch.ops.aten.convolution_backward(
        grad, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1,
        [*wanted, False])[:2]


def d_backward(layers, acts, grad, first_hat):
    """Every strided layer's cotangent, and the gradient with respect to x_hat, if there is one."""
    cotangents = []
    for index in reversed(range(len(layers))):
        cotangents.insert(0, leaky_backward(grad, acts[index + 1]))
        rows = slice(None) if index else slice(first_hat, None)
        if acts[index][rows].size(0):
            grad = conv_backward(cotangents[0][rows], acts[index][rows], layers[index][0], 2, 1,
                                 (True, False))[0]
    return cotangents, grad


def push_tangent(layers, acts, tangent, first_hat):
    """Overwrites x_hat's rows of the activations, which only gave the masks, with the tangents."""
    for (w, _), x, y in zip(layers, acts, acts[1:]):
        x[first_hat:] = tangent
        tangent = leaky_backward(F.conv2d(tangent, w, stride=2, padding=1), y[first_hat:])
    acts[-1][first_hat:] = tangent


def set_gradients(net, gradients):
    """Hands Adam the gradients in the type and layout of the parameters."""
    for p, g in zip(net.parameters(), gradients):
        same = g.dtype == p.dtype and g.stride() == p.stride()
        p.grad = g.detach() if same else torch.empty_like(p).copy_(g)
