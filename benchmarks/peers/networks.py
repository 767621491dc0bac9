"""StarGAN's generator and discriminator under the official state-dict names, and their losses."""
import torch
import torch.nn.functional as F
from torch import nn

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
        return self.main(with_label_planes(x, c))


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


def make_networks(config):
    """G and D of a parity file's configuration, with fresh weights."""
    groups = config["groups"]
    classes = sum(g["dim"] for g in groups)
    labels = classes + (len(groups) if len(groups) > 1 else 0)
    return (Generator(config["g_conv_dim"], labels, config["g_repeat"]),
            Discriminator(config["image_size"], config["d_conv_dim"], classes,
                          config["d_repeat"]))


def with_label_planes(x, c):
    planes = c[:, :, None, None].expand(-1, -1, x.size(2), x.size(3))
    return torch.cat([x, planes], dim=1)


def adversarial_loss(patches, real, gan):
    """What D minimises on real or fake images."""
    if gan == WGAN_GP:
        return -patches.mean() if real else patches.mean()
    return F.softplus(-patches if real else patches).mean()


def group_slice(config, group):
    """Where a group's labels lie, and whether they are independent of each other."""
    first = sum(g["dim"] for g in config["groups"][:group])
    chosen = config["groups"][group]
    return slice(first, first + chosen["dim"]), chosen["kind"] == "multi_label"


def class_loss(config, logits, labels, group):
    """Only the group that the batch comes from has known labels."""
    columns, multi_label = group_slice(config, group)
    z, y = logits[:, columns], labels[:, columns]
    if multi_label:
        return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / z.size(0)
    return F.cross_entropy(z, y.argmax(1))


def generator_losses(config, patches, logits, x_rec, batch):
    """The three losses of the G step and their weighted sum."""
    if config["gan"] == "vanilla-saturating":
        g_fake = -adversarial_loss(patches, False, config["gan"])
    else:
        g_fake = adversarial_loss(patches, True, config["gan"])
    g_rec = (batch.x_real - x_rec).abs().mean()
    g_cls = class_loss(config, logits, batch.c_trg, batch.group)
    total = g_fake + config["lambda_rec"] * g_rec + config["lambda_cls"] * g_cls
    return {"g_fake": g_fake, "g_rec": g_rec, "g_cls": g_cls}, total
