"""A module's forward pass as CUDA graphs: the GPU runs it from a recording. Knows nothing of what the module computes.

An SDXL step at batch 1 is thousands of small kernels; launching them one by one from Python takes several times as long
as running them. A recording is exact: the same kernels on the same numbers.
"""

from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

WARM_UP = 3  # passes before the recording, in which libraries choose kernels and allocate workspaces


class Recorded:
    """Replaces a module's `forward`; one recording a set of input shapes, made when they first come."""

    def __init__(self, module: nn.Module) -> None:
        self._forward = module.forward
        self._recordings: dict[Any, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]] = {}
        self._pool = torch.cuda.graph_pool_handle()  # one for all: no two recordings run at once
        module.forward = self

    @torch.inference_mode()
    def __call__(self, *args: Any, **options: Any) -> Any:
        leaves, tree = pytree.tree_flatten((args, options))
        given = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        key = (tree, *[(x.shape, x.dtype) if isinstance(x, torch.Tensor) else x for x in leaves])
        if key not in self._recordings:
            self._recordings[key] = self._record(leaves, tree)
        graph, inputs, output = self._recordings[key]
        for place, tensor in zip(inputs, given, strict=True):
            place.copy_(tensor)
        graph.replay()
        return pytree.tree_map_only(torch.Tensor, torch.clone, output)

    def _record(self, leaves: list[Any], tree: Any) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]:
        leaves = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        args, options = pytree.tree_unflatten(leaves, tree)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._forward(*args, **options)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            output = self._forward(*args, **options)
        return graph, [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)], output
