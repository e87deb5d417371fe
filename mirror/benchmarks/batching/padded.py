"""The earlier way to compute an effective batch: micro-batches padded on the right, to compare packed rows with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F

from mirror.models.llava_chat import IGNORED
from mirror.training import step
from mirror.training.batch import Batch, Row

MICRO_BATCH_COST = 512  # positions: overhead of a micro-batch (kernel launches, accumulating gradients)
LENGTH_STEP = 64  # positions, on a GPU: cuDNN's attention builds a plan for every new shape

Cuts = Callable[[Sequence[int], int], list[slice]]


@dataclass(frozen=True)
class MicroBatch(Row):
    """Examples below each other, [n, length], padded on the right: the causal mask alone hides the padding.

    Attributes:
        labels: [n, length].
        attention_mask: [n, length], 0 on the padding; for a model that is not ours.
    """

    labels: torch.Tensor
    attention_mask: torch.Tensor

    def places(self) -> dict[str, Any]:
        """Nothing: every example is a sequence of its own."""
        return {}


def split(batch: Batch, size: int, device: torch.device, length_step: int, cuts: Cuts) -> Iterator[MicroBatch]:
    """Split into micro-batches, each trimmed to its longest example and moved to `device`."""
    own = batch.lengths()
    lengths = [-(-length // length_step) * length_step for length in own]
    nothing = torch.empty(0, dtype=torch.int32)
    for part in cuts(lengths, size):
        length = max(lengths[part])
        labels = _resized(batch.labels[part], length, IGNORED)
        answers = (labels.flatten() != IGNORED).nonzero().squeeze(1)
        yield MicroBatch(
            input_ids=_resized(batch.input_ids[part], length, 0),
            predicting=answers - 1,
            targets=labels.flatten()[answers],
            pixel_values=batch.pixel_values[part],
            position_ids=nothing,
            bounds=nothing,
            longest=length,
            labels=labels,
            attention_mask=(torch.arange(length) < torch.tensor(own[part]).unsqueeze(1)).long(),
        ).to(device)


def _resized(rows: torch.Tensor, length: int, value: int) -> torch.Tensor:
    """[n, any] → [n, length]: trimmed, or padded with `value` on the right."""
    return F.pad(rows[:, :length], (0, max(0, length - rows.shape[1])), value=value)


def cheapest_cuts(lengths: Sequence[int], size: int) -> list[slice]:
    """Split examples into micro-batches at the least cost, padding included (dynamic programming).

    A micro-batch costs the length of its longest example times the number of its examples, plus MICRO_BATCH_COST. Its
    size is bounded by `size` times the longest example of all: a micro-batch of shorter examples may contain more.

    Args:
        lengths: positions of each example, the longest first.
        size: number of examples of the greatest length that one micro-batch may contain.

    Returns:
        One slice per micro-batch, in order.
    """
    most = size * lengths[0]
    cheapest = [(0, 0)]  # for each number of examples: lowest cost, and start of their last micro-batch
    for end in range(1, len(lengths) + 1):
        starts = (s for s in range(end) if end - s == 1 or (end - s) * lengths[s] <= most)
        cheapest.append(min((cheapest[s][0] + (end - s) * lengths[s] + MICRO_BATCH_COST, s) for s in starts))
    parts, end = [], len(lengths)
    while end:
        parts.append(slice(cheapest[end][1], end))
        end = cheapest[end][1]
    return parts[::-1]


def cuts_by_count(lengths: Sequence[int], size: int) -> list[slice]:
    """Micro-batches of `size` examples each, whatever their lengths."""
    return [slice(start, min(start + size, len(lengths))) for start in range(0, len(lengths), size)]


@contextmanager
def padded_micro_batches(cuts: Cuts = cheapest_cuts, length_step: int = LENGTH_STEP) -> Iterator[None]:
    """Within the block, training pads micro-batches instead of packing rows, and attends as the model was loaded."""

    def padded_split(batch: Batch, size: int, device: torch.device, _: int = 1) -> Iterator[Row]:
        return split(batch, size, device, length_step if device.type == "cuda" else 1, cuts)

    with patch.object(Batch, "split", padded_split), patch.object(step, "packed_attention", nullcontext):
        yield
