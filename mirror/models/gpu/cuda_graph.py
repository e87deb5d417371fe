"""CUDA graphs: the GPU's work of a call, recorded once and replayed, without launching its kernels from Python again.

PyTorch's own recordings, `torch.compile` in the mode `reduce-overhead`, belong to one thread: another one, as of a
server or of a pool, fails an assertion. They also free the workspaces of cuBLAS, which every graph that was recorded
by other means goes on using. So everything here is recorded in one way.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import fx, nn

WARM_UP = 3  # calls before the capture, in which libraries choose kernels and allocate workspaces
Output = TypeVar("Output")


def capture(
    call: Callable[[], Output], pool: Any, device: torch.device, undo: Callable[[], None] = lambda: None
) -> tuple[torch.cuda.CUDAGraph, Output]:
    """Records a call.

    Args:
        call: works on the same tensors each time; it is called `WARM_UP` times before.
        pool: of `torch.cuda.graph_pool_handle`; graphs that share one must not run at the same time.
        device: where it runs.
        undo: takes back what a warm-up has changed.

    Returns:
        The graph, and the output, which every replay overwrites.
    """
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                call()
                undo()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads (a filter, a counselor) may use the GPU meanwhile.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            output = call()
    return graph, output


def recorded(graph: fx.GraphModule, inputs: list[Any]) -> "Replayed":
    """A backend of `torch.compile`: inductor's code, replayed from CUDA graphs; for `dynamic=False`, inference only."""
    return Replayed(torch._inductor.compile(graph, inputs))


class Replayed:
    """A function of tensors whose shapes never change, replayed from CUDA graphs.

    Parameters, and tensors marked by `torch._dynamo.mark_static_address` such as a static cache's, are read and written
    where they lie; there is a graph for each of their addresses. All others are copied.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Records nothing yet.

        Args:
            function: returns tensors. It may change tensors that keep their address; what it adds to its integers is
                done once a call, as if it had not been recorded.
        """
        self._function = function
        self._pool = torch.cuda.graph_pool_handle()
        self._fixed: list[int] = []  # places of the inputs that keep their address
        self._copied: list[int] = []
        self._graphs: dict[tuple[int, ...], tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]] = {}

    @torch.no_grad()
    def __call__(self, *inputs: torch.Tensor) -> list[Any]:
        """The output: copies, which the next call does not overwrite."""
        if not self._graphs:
            self._fixed = [place for place, tensor in enumerate(inputs) if keeps_address(tensor)]
            self._copied = [place for place in range(len(inputs)) if place not in {*self._fixed}]
        key = tuple(inputs[place].data_ptr() for place in self._fixed)
        if key not in self._graphs:
            self._graphs[key] = self._record(inputs)
        graph, places, output = self._graphs[key]
        for place, given in zip(places, self._copied, strict=True):
            place.copy_(inputs[given])
        graph.replay()
        return [part.clone() if isinstance(part, torch.Tensor) else part for part in output]

    def _record(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]:
        own = list(inputs)
        for place in self._copied:
            own[place] = inputs[place].clone()
        counters = [inputs[place] for place in self._fixed if not inputs[place].is_floating_point()]
        before = [counter.clone() for counter in counters]

        def undo() -> None:
            for counter, value in zip(counters, before, strict=True):
                counter.copy_(value)

        graph, output = capture(lambda: self._function(*own), self._pool, own[0].device, undo)
        return graph, [own[place] for place in self._copied], output


def keeps_address(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a parameter, or marked as one that stays at its address."""
    return isinstance(tensor, nn.Parameter) or bool(getattr(tensor, "_dynamo_static_input_type", None))
