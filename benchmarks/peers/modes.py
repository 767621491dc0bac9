"""The ways to take a training step that are compared, by name."""
import collections

import torch

from graphs import CapturedStep
from official_step import OfficialStep
from our_step import OurStep

# precision: of convolutions; f32 is strict.
Mode = collections.namedtuple("Mode", "name precision channels_last ours captured compiled text")


def mode(name, text, precision="bf16", channels_last=True, ours=False, captured=False,
         compiled=False):
    return Mode(name, precision, channels_last, ours, captured, compiled, text)


MODES = {m.name: m for m in (
    mode("eager-f32", "the official order of work, TF32 off", "f32", channels_last=False),
    mode("eager-tf32", "the same, TF32 allowed; needs a GPU", "tf32", channels_last=False),
    mode("amp-bf16", "the same under bf16 autocast", channels_last=False),
    mode("amp-channels-last", "amp-bf16 in channels_last"),
    mode("cuda-graph", "amp-channels-last, n_critic D steps and one G step captured in one CUDA "
         "graph, fused Adam; needs a GPU", captured=True),
    mode("compiled", "amp-channels-last with torch.compile of G and of D, except D's pass for the "
         "penalty, which is differentiated twice; fused Adam; needs PyTorch 2, and minutes, as it "
         "compiles for every file of --check", compiled=True),
    mode("ours", "this engine's algorithm (our_step.py) in bf16; channels_last, fused Adam; "
         "x_hat_grad of vanilla files is not applicable: without a penalty it is not computed",
         ours=True),
    mode("ours-f32", "the same in f32, TF32 off", "f32", ours=True),
    mode("ours-graph", "ours in one CUDA graph; needs a GPU", ours=True, captured=True))}

COMPILED = {"compiled": ["G", "D on real and fake images and in the G step"],
            "eager": ["D on x_hat: torch.compile has no double backward"]}


def unavailable(chosen, device):
    """Why a mode cannot run here, or None."""
    if device != "cuda" and (chosen.captured or chosen.precision == "tf32"):
        return "needs a GPU: --device cuda"
    if chosen.compiled and not hasattr(torch, "compile"):
        return f"needs torch.compile, PyTorch 2 or newer; this is {torch.__version__}"
    return None


def set_flags(chosen):
    """PyTorch's global switches; to be set before every use of a mode."""
    tf32 = chosen.precision != "f32"
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32


def make_step(chosen, config, device, recorder=None):
    """A mode's implementation for a configuration, with fresh weights. The flags are to be set."""
    adam = "default"
    if chosen.captured:
        adam = "capturable"
    elif chosen.ours or chosen.compiled:
        adam = "fused"
    options = {"channels_last": chosen.channels_last, "adam": adam}
    bf16 = chosen.precision == "bf16"
    if chosen.ours:
        step = OurStep(config, device, compute=torch.bfloat16 if bf16 else None, **options)
    else:
        step = OfficialStep(config, device, bf16=bf16, compiled=chosen.compiled,
                            captured=chosen.captured, **options)
    return CapturedStep(step, recorder) if chosen.captured else step
