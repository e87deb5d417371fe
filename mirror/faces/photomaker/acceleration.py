"""Accelerates the denoising network on a GPU: compilation, and CUDA graphs.

An SDXL step at batch size 1 is thousands of small kernels, and launching them one by one from Python takes longer than
running them. A CUDA graph is exact: the same kernels on the same numbers. Compiled code differs in rounding only.
"""

import logging
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from torch.utils import _pytree as pytree

from mirror.models.device import keep_compiled_code
from mirror.models.gpu.cuda_graph import capture

logger = logging.getLogger(__name__)

RECOMPILE_LIMIT = 512  # versions of a compiled function


def compile_blocks(pipeline: StableDiffusionXLPipeline) -> None:
    """Compiles the repeated blocks of network and decoder, and norms between them, at the first batch of each size."""
    _allow_versions()
    for part in (pipeline.unet, pipeline.vae.decoder):
        part.to(memory_format=torch.channels_last)  # faster for convolutions; for norms only when compiled
        inside = {m for block in part.modules() if isinstance(block, ResnetBlock2D) for m in block.modules()}
        for module in part.modules():
            norm = isinstance(module, nn.GroupNorm) and module not in inside
            if norm or isinstance(module, ResnetBlock2D | BasicTransformerBlock):
                # `module.compile` finds no frame in PyTorch's own modules, such as norms, that it would compile.
                module.forward = torch.compile(module.forward, fullgraph=True, dynamic=False)


def compile_whole(pipeline: StableDiffusionXLPipeline) -> None:
    """Compiles network and decoder as a whole, at the first batch of each size: faster, and longer to compile."""
    _allow_versions()
    for module in (pipeline.unet, pipeline.vae.decoder):
        module.to(memory_format=torch.channels_last)
        module.forward = torch.compile(module.forward, fullgraph=True, dynamic=False)


def _allow_versions() -> None:
    keep_compiled_code()
    # A block is one function, and every shape and batch size is a version of it.
    torch._dynamo.config.recompile_limit = RECOMPILE_LIMIT


COMPILE = {"none": lambda pipeline: None, "blocks": compile_blocks, "whole": compile_whole}


class Recorded:
    """Replaces a module's `forward` by CUDA graphs, one per set of input shapes, captured at its first call."""

    def __init__(self, module: nn.Module) -> None:
        """Replaces the `forward` of `module`, which is on a GPU."""
        self._forward = module.forward
        self._recordings: dict[Any, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]] = {}
        self._pool = torch.cuda.graph_pool_handle()  # shared: no two graphs run at the same time
        module.forward = self

    @torch.inference_mode()
    def __call__(self, *args: Any, **options: Any) -> Any:
        """The output of `forward`: a copy, which the next call does not overwrite."""
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
        inputs = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        logger.info("capturing a CUDA graph for a batch of %s", tuple(inputs[0].shape))
        graph, output = capture(lambda: self._forward(*args, **options), self._pool, inputs[0].device)
        return graph, inputs, output
