#!/usr/bin/env python3
"""What needs no GPU to be known about the modes that are captured in CUDA graphs, and more.

A stand-in for the capture runs the work again and copies its results to where the first ones lay,
as a replay does; so what is copied in, what is restored after the warm-up and which graph belongs
to which work is tested. That CUDA accepts the capture is not.
"""
import argparse
import glob
import os
import sys
import unittest

import torch
from torch.utils._python_dispatch import TorchDispatchMode

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)
from check import Checker  # noqa: E402
from contest import Contest, explain  # noqa: E402
from modes import MODES, make_step, set_flags  # noqa: E402
from timing import synthetic_batch  # noqa: E402

FILES = {os.path.basename(path).split(".")[0]: path for path in
         glob.glob(os.path.join(FOLDER, "..", "..", "tests", "data", "*.safetensors"))}


class Rehearsal:
    """Warms up and captures like CudaRecorder, on the CPU."""

    captures = 0

    def warm_up(self, work):
        for _ in range(2):
            work()

    def capture(self, work):
        self.captures += 1
        results = work()

        def replay():
            for old, new in zip(tensors_of(results), tensors_of(work())):
                old.copy_(new)

        return replay, results


def tensors_of(results):
    if torch.is_tensor(results):
        return [results]
    if isinstance(results, dict):
        results = results.values()
    return [t for part in results or () for t in tensors_of(part)]


class NoWaiting(TorchDispatchMode):
    """Refuses what would make the host wait for a GPU, or copy a number to it."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function)
        if any(word in name for word in ("_local_scalar_dense", "nonzero", "lift_fresh")):
            raise AssertionError(f"{name} in a capture")
        return function(*args, **(kwargs or {}))


def small_config(checker):
    return {**next(iter(checker.files.values())).config, "n_critic": 2}


class CapturedModes(unittest.TestCase):
    def test_replays_agree_with_parity_files(self):
        checker = Checker([FILES["joint"], FILES["trajectory"]], "cpu")
        for name in ("cuda-graph", "ours-graph"):
            for precision in ("f32", "bf16"):
                recorder = Rehearsal()
                mode = MODES[name]._replace(precision=precision)
                report = checker.check(mode, recorder)
                self.assertEqual(report["status"], "ok", (name, precision, report))
                self.assertEqual(recorder.captures, 2 + 1, "a graph per group of joint")

    def test_warm_up_leaves_no_trace(self):
        checker = Checker([FILES["multilabel"]], "cpu")
        config = small_config(checker)
        for name in ("cuda-graph", "ours-graph"):
            torch.manual_seed(0)
            step = make_step(MODES[name], config, "cpu", Rehearsal())
            before = [t.clone() for t in step.state()]
            step.capture([synthetic_batch(step)] * 2, False, True)
            after = step.state()
            self.assertGreater(len(after), len(before), "Adam has state now")
            for old, new in zip(before, after):
                self.assertTrue(torch.equal(old, new))
            for moment in after[len(before):]:
                self.assertEqual(moment.abs().sum().item(), 0)

    def test_nothing_waits_for_the_gpu(self):
        checker = Checker([FILES["multilabel"]], "cpu")
        for name in ("cuda-graph", "ours-graph"):
            mode = MODES[name]
            set_flags(mode)
            step = make_step(mode, small_config(checker), "cpu", Rehearsal()).step
            batches = [synthetic_batch(step) for _ in range(2)]
            # The CPU's Adam reads its step count; the GPU's is capturable.
            step.g_optimizer.step = step.d_optimizer.step = lambda: None
            with NoWaiting():
                step.macro(batches)
            with self.assertRaises(AssertionError), NoWaiting():
                torch.ones(1).item()

    @unittest.skipIf(torch.__version__ < "2", "PyTorch 1.13 computes some layers in f32 instead")
    def test_casting_once_changes_nothing(self):
        outcomes = []
        for name in ("amp-channels-last", "cuda-graph"):
            torch.manual_seed(0)
            checker = Checker([FILES["multilabel"]], "cpu")
            step = make_step(MODES[name], small_config(checker), "cpu", Rehearsal())
            step = getattr(step, "step", step)
            batches = [synthetic_batch(step) for _ in range(2)]
            outcomes.append(step.macro(batches)[0][0].losses)
        for key, value in outcomes[0].items():
            self.assertEqual(value.item(), outcomes[1][key].item(), key)


class Trouble(unittest.TestCase):
    def test_failing_mode_leaves_the_others(self):
        class Breaking(Checker):
            def check(self, mode, recorder=None):
                if mode.name == "amp-bf16":
                    raise RuntimeError("out of luck\nand more lines")
                return super().check(mode, recorder)

        args = argparse.Namespace(
            image_size=32, batch_size=2, labels=5, g_conv_dim=4, d_conv_dim=4, g_repeat_num=1,
            d_repeat_num=3, n_critic=2, warmup=1, repeats=1, rounds=1, seconds=None, json=None,
            device="cpu")
        modes = [MODES["amp-bf16"], MODES["ours"]]
        contest = Contest(modes, Breaking([FILES["multilabel"]], "cpu"), args)
        self.assertEqual(contest.run(), 1)
        first, second = (entry.report for entry in contest.entries)
        self.assertEqual(first["status"], "failed")
        self.assertEqual(first["reason"], "RuntimeError: out of luck")
        self.assertEqual((second["status"], len(second["rounds"])), ("measured", 1))

    def test_explains_what_an_error_covers_up(self):
        try:
            try:
                raise RuntimeError("operation not permitted when stream is capturing")
            finally:
                raise RuntimeError("capture was invalidated")
        except RuntimeError as error:
            self.assertIn("not permitted", explain(error))


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()
