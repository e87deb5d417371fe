"""Greedy search of a language model for a batch of prompts; on a GPU with a static cache and a compiled decoding step.

Eager decoding launches thousands of small kernels per token from Python, which takes longer than running them.
transformers compiles the step, and we record it as a CUDA graph, if the cache is static: allocated at full length.
Each shape is compiled, for most of a minute, so batches and caches come in few sizes. PyTorch keeps compiled code for
later runs in TORCHINDUCTOR_CACHE_DIR, by default a folder of the user's below the system's temporary one. A model whose
weights move between turns (`mirror.models.memory.rotation`) is compiled without CUDA graphs, which hold addresses.

Knows nothing of images and texts.
"""

import copy
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from transformers import CompileConfig, LogitsProcessor, PreTrainedModel, StaticCache
from transformers.cache_utils import StaticLayer

from mirror.models.device import compile_obstacle
from mirror.models.families.family import families
from mirror.models.families.images import ImageTensors, batched, moved
from mirror.models.gpu.cuda_graph import recorded
from mirror.models.memory.rotation import Seat
from mirror.models.sampling import Forbidden, SeededSampling
from mirror.progress_bar import progress_bar

log = logging.getLogger(__name__)

BATCHES = (1, 4, 8, 16)  # rows; beyond, multiples of 16
PROMPT_STEP = 64  # positions; libraries choose their attention kernel anew for every length
POSITIONS = 2048  # of a cache that is allocated ahead of time; the first longer prompt allocates and compiles anew
CACHE_STEP = 512  # positions; a step reads the whole cache, whether filled or not
WARM_UP_TOKENS = 5  # the first comes from the prompt, the second compiles, the third records, the others replay
PARTS = ("RMSNorm", "MLP")  # ends of class names in transformers
VERSIONS = 64  # of the compiled step: batch sizes, cache lengths, with and without an adapter; PyTorch's limit is 8


class Decoder:
    """Continues prompts of token ids.

    Attributes:
        model: causal, in evaluation mode.
        pad: the token that fills the left of shorter prompts.
        static: whether the cache is static; on a GPU, the decoding step is then compiled.
        backend: of that compilation.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        pad: int,
        seat: Seat | None = None,
        more_inputs: Callable[[torch.Tensor], dict[str, torch.Tensor]] = lambda _: {},
    ) -> None:
        """Allocates and compiles nothing yet; on a GPU without a compiler, one warning says that decoding is slow.

        Args:
            model: see above.
            pad: see above.
            seat: of a model that takes turns on its device with others.
            more_inputs: makes what the model is given besides the tokens of prompts, from these tokens.
        """
        self.model, self.pad, self.more_inputs = model, pad, more_inputs
        self._turn: AbstractContextManager[None] = seat or nullcontext()
        self.backend: str | Callable[..., Any] = "inductor" if seat and seat.moves else recorded
        device = seat.device if seat else model.device
        self.static = device.type == "cuda"
        if self.static and (obstacle := compile_obstacle(device)):
            self.static = False
            log.warning("replies are decoded without compilation, several times slower: %s", obstacle)
        elif self.static and not has_static_cache(model):
            self.static = False
            log.info("replies are decoded without compilation: not all layers of the model attend to positions")
        self._cache: StaticCache | None = None  # the largest so far; smaller batches use its first rows
        self._rows = self._length = 0
        self._ready: set[tuple[int, int, str]] = set()

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        sampling: SeededSampling | None = None,
        images: Sequence[ImageTensors] = (),
        forbidden: Sequence[int] = (),
        **options: Any,
    ) -> list[list[int]]:
        """The most likely tokens after each prompt.

        Args:
            prompts: token ids, one sequence per row.
            max_new_tokens: per row.
            sampling: turns the search into sampling.
            images: the tensors of each row's image; none for prompts without.
            forbidden: tokens that are never written.
            **options: of transformers' `generate`.

        Returns:
            The new tokens per row; all of one length, filled up after the first end token.
        """
        with self._turn:
            return self._generate(prompts, max_new_tokens, sampling, images, forbidden, options)

    def _generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        sampling: SeededSampling | None,
        images: Sequence[ImageTensors],
        forbidden: Sequence[int],
        options: dict[str, Any],
    ) -> list[list[int]]:
        count, width = len(prompts), max(map(len, prompts))
        if self.static:
            options |= self._static_options(batch_size(count), rounded_up(width, PROMPT_STEP) + max_new_tokens)
            # Copies of the last row end when it ends, so they add no step.
            width, copies = rounded_up(width, PROMPT_STEP), batch_size(count) - count
            prompts = [*prompts, *[prompts[-1]] * copies]
            sampling = sampling and sampling.with_copies(copies)
            images = [*images, *[image for image in images[-1:] for _ in range(copies)]]
        device = self.model.device
        input_ids = torch.tensor([[self.pad] * (width - len(p)) + list(p) for p in prompts], device=device)
        options |= moved(batched(images), device, self.model.dtype) | self.more_inputs(input_ids)
        processors: list[LogitsProcessor] = [Forbidden(forbidden)] if forbidden else []
        processors += [sampling] if sampling else []
        output = self.model.generate(
            input_ids=input_ids,
            attention_mask=torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device),
            do_sample=False,
            max_new_tokens=max_new_tokens,
            logits_processor=processors,
            **options,
        )
        new: list[list[int]] = output[:count, width:].tolist()
        return new

    def _static_options(self, rows: int, length: int) -> dict[str, Any]:
        options: dict[str, Any] = {"past_key_values": self._empty_cache(rows, length)}
        if self.model.device.type == "cuda":
            torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VERSIONS)
            compile_parts(self.model)
            # A version for all shapes at once had not been compiled after 100 seconds.
            options["compile_config"] = CompileConfig(dynamic=False, backend=self.backend, mode=None)
        return options

    @torch.no_grad()
    def _empty_cache(self, rows: int, length: int) -> StaticCache:
        """A cache of that size at least, which keeps its address: a recorded graph reads from where it was recorded."""
        if self._cache is None or rows > self._rows or length > self._length:
            self._cache = None  # frees its memory first
            self._rows, self._length = max(rows, self._rows), rounded_up(max(length, self._length), CACHE_STEP)
            log.info("allocating a cache for %d rows of %d positions", self._rows, self._length)
            self._cache = static_cache(self.model, self._length)
            # It is allocated when first used, in the shape that the model's layers ask for.
            ids = torch.zeros((self._rows, 1), dtype=torch.long, device=self.model.device)
            self.model(input_ids=ids, past_key_values=self._cache, use_cache=True)
        cache = first_rows(self._cache, rows)
        cache.reset()
        return cache

    def warm_up(self, batches: Iterable[int], positions: int, version: str = "") -> None:
        """Compile and record the decoding step ahead of time, with a progress bar; nothing to do without static cache.

        Args:
            batches: numbers of prompts that will come.
            positions: of the longest prompt with its answer; the first longer one allocates and compiles anew.
            version: of the model, if parts of it can be switched off: each is compiled.
        """
        if not self.static or not (sizes := sorted({batch_size(count) for count in batches}, reverse=True)):
            return
        with self._turn:
            self._empty_cache(sizes[0], positions)
        sizes = [rows for rows in sizes if (rows, self._length, version) not in self._ready]
        if not sizes:
            return
        log.info("compiling the decoding step for batches of %s, a minute each the first time", sizes)
        with progress_bar("compiling the decoding step", "batch sizes", len(sizes)) as bar:
            for rows in sizes:
                prompts = [[int(self.pad == 0)] * PROMPT_STEP] * rows
                self.generate(prompts, WARM_UP_TOKENS, min_new_tokens=WARM_UP_TOKENS)
                self._ready.add((rows, self._length, version))
                bar.update()


def has_static_cache(model: PreTrainedModel) -> bool:
    """Whether a step of the model can be compiled over a static cache: it allows that, and all its layers attend."""
    config = model.config.get_text_config(decoder=True)
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    family = families().get(model.config.model_type)
    compiles = model._can_compile_fullgraph or (family is not None and family.compiles)
    return bool(compiles) and layers <= {"full_attention", "sliding_attention"}


def static_cache(model: PreTrainedModel, length: int) -> StaticCache:
    """A cache of `length` positions in every layer, also in those that attend to the newest alone.

    Their own cache holds no more than these, and counts in Python how many: the step would be compiled at each count.
    The mask, which knows the window, hides the others.
    """
    cache = StaticCache(model.config.get_text_config(decoder=True), length)
    cache.layers = [StaticLayer(length) for _ in cache.layers]
    return cache


def compile_parts(model: nn.Module) -> None:
    """Compiles norms and multilayer perceptrons, for all shapes at once; those that are compiled already stay.

    Prompts are read eagerly, since each has another length. Next to the matrix products that takes most of its time for
    writing the result of every small operation to memory.
    """
    for module in model.modules():
        if type(module).__name__.endswith(PARTS) and module._compiled_call_impl is None:
            module.compile(dynamic=True)


def batch_size(count: int) -> int:
    """The number of rows that `count` prompts are computed with."""
    return next((size for size in BATCHES if size >= count), rounded_up(count, BATCHES[-1]))


def rounded_up(number: int, step: int) -> int:
    """The smallest multiple of `step` that is not below `number`."""
    return -(-number // step) * step


def first_rows(cache: StaticCache, rows: int) -> StaticCache:
    """A cache of `rows` rows in the memory of a larger one."""
    part = copy.copy(cache)
    part.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in part.layers:
        layer.keys, layer.values = layer.keys[:rows], layer.values[:rows]
        for tensor in (layer.keys, layer.values, layer.cumulative_length):
            torch._dynamo.mark_static_address(tensor)
    return part
