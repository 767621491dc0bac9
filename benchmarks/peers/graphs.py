"""A step whose macro-iterations are captured in CUDA graphs and replayed."""
import collections

import torch

Graph = collections.namedtuple("Graph", "batches replay outcomes")
WARM_UPS = 3


class CudaRecorder:
    """Runs work on a side stream first, as PyTorch asks, and captures it in a CUDA graph."""

    def warm_up(self, work):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                work()
        torch.cuda.current_stream().wait_stream(stream)

    def capture(self, work):
        """What replays the work, and its results, which every replay overwrites."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = work()
        return graph.replay, results


class CapturedStep:
    """Another step with the same results. Work that differs, as by group, has its own graph.

    Nothing here or in the steps waits for the GPU. Gradients are None when a capture begins, so
    that they lie in the graph's own memory.
    """

    def __init__(self, step, recorder=None):
        self.step, self.recorder, self.graphs = step, recorder or CudaRecorder(), {}

    def __getattr__(self, name):
        return getattr(self.step, name)

    def macro(self, batches, record=False, mark=None, update_g=True):
        """Copies the batches to where the graph reads them; `mark` is not called."""
        key = (record, update_g, *((batch.group, batch.alpha is None) for batch in batches))
        if key not in self.graphs:
            self.graphs[key] = self.capture(batches, record, update_g)
        graph = self.graphs[key]
        for static, batch in zip(graph.batches, batches):
            for target, source in zip(static, batch):
                if torch.is_tensor(target):
                    target.copy_(source)
        graph.replay()
        return graph.outcomes

    def capture(self, batches, record, update_g):
        static = [type(batch)(*(t.clone() if torch.is_tensor(t) else t for t in batch))
                  for batch in batches]

        def work():
            return self.step.macro(static, record=record, update_g=update_g)

        # The warm-up trains. Adam's state, which the first one may create, starts as zeros.
        before = [t.clone() for t in self.step.state()]
        self.recorder.warm_up(work)
        for net in (self.step.G, self.step.D):
            net.zero_grad(set_to_none=True)
        replay, outcomes = self.recorder.capture(work)
        with torch.no_grad():
            for index, tensor in enumerate(self.step.state()):
                if index < len(before):
                    tensor.copy_(before[index])
                else:
                    tensor.zero_()
        return Graph(static, replay, outcomes)
