"""Batches of training examples, and how an effective batch is split into micro-batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from mirror.models.families.images import ImageTensors, PackedImages
from mirror.models.llava_chat import IGNORED, Tokens

# Overhead of a micro-batch, in positions: launching kernels, accumulating gradients. A CPU computes positions so slowly
# that padding costs more than a further micro-batch does.
GPU_COST, CPU_COST = 256, 64


@dataclass(frozen=True)
class Batch:
    """A batch of examples, padded on the right.

    Attributes:
        input_ids: [n, length].
        labels: [n, length], `IGNORED` outside the answers.
        images: the tensors of each example's image.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    images: PackedImages

    @classmethod
    def empty(cls) -> "Batch":
        """A batch without examples, for a rank that has no part in a small effective batch."""
        none = torch.zeros(0, 1, dtype=torch.long)
        return cls(none, none, PackedImages.pack([]))

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def pixel_values(self) -> torch.Tensor:
        """[n, …]: the pixels of all images, where every image has as many."""
        return torch.cat([image["pixel_values"] for image in self.images])

    def answer_tokens(self) -> int:
        """The number of positions with loss (the first position is never predicted)."""
        return int((self.labels[:, 1:] != IGNORED).sum())

    def predictions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The places of the last tokens before each one with loss, in `input_ids` as one row, and what follows there.

        Returns:
            Two tensors of `answer_tokens()` integers.
        """
        following = F.pad(self.labels[:, 1:], (0, 1), value=IGNORED).flatten()
        places = (following != IGNORED).nonzero().squeeze(1)
        return places, following[places]

    def lengths(self) -> list[int]:
        """Positions of each example without its padding; an example ends at its last label."""
        places = torch.arange(1, self.labels.shape[1] + 1, device=self.labels.device)
        return ((self.labels != IGNORED) * places).amax(1).tolist()

    def split(self, size: int, device: torch.device, length_step: int = 1) -> Iterator["Batch"]:
        """Split into micro-batches, each trimmed to its longest example; they stay where this batch is.

        Args:
            size: as in `cuts`.
            device: that will compute them.
            length_step: lengths are rounded up to a multiple of this.
        """
        if not len(self):
            return
        lengths = [-(-length // length_step) * length_step for length in self.lengths()]
        for part in cuts(lengths, size, CPU_COST if device.type == "cpu" else GPU_COST):
            length = max(lengths[part])
            ids, labels = self.input_ids[part], self.labels[part]
            yield Batch(_resized(ids, length, 0), _resized(labels, length, IGNORED), self.images[part])


def _resized(rows: torch.Tensor, length: int, value: int) -> torch.Tensor:
    """[n, any] → [n, length]: trimmed, or padded with `value` on the right."""
    return F.pad(rows[:, :length], (0, max(0, length - rows.shape[1])), value=value)


def cuts(lengths: Sequence[int], size: int, cost: int) -> list[slice]:
    """Split examples into micro-batches at the least cost, padding included (dynamic programming).

    A micro-batch costs the length of its longest example times the number of its examples, plus `cost`. Its
    size is bounded by `size` times the longest example of all, which bounds the memory: a micro-batch of shorter
    examples may contain more of them.

    Args:
        lengths: positions of each example, the longest first.
        size: number of examples of the greatest length that one micro-batch may contain.
        cost: overhead of a micro-batch, in positions.

    Returns:
        One slice per micro-batch, in order.
    """
    cheapest = list(prefix_costs(lengths, size, cost))
    parts, end = [], len(lengths)
    while end:
        parts.append(slice(cheapest[end][1], end))
        end = cheapest[end][1]
    return parts[::-1]


def prefix_costs(lengths: Sequence[int], size: int, cost: int) -> Iterator[tuple[int, int]]:
    """For 0, 1, 2, … of the first examples: their lowest cost as in `cuts`, and the start of their last micro-batch."""
    most = size * lengths[0]
    cheapest = [(0, 0)]
    yield cheapest[0]
    for end in range(1, len(lengths) + 1):
        starts = (s for s in range(end) if end - s == 1 or (end - s) * lengths[s] <= most)
        cheapest.append(min((cheapest[s][0] + (end - s) * lengths[s] + cost, s) for s in starts))
        yield cheapest[-1]


def collate(tokens: Sequence[Tokens], images: Sequence[ImageTensors], pad_token_id: int) -> Batch:
    """One batch of examples, the longest first, so that its micro-batches contain examples of similar length.

    Args:
        tokens: of each example.
        images: the tensors of each one's image, in the order of `tokens`.
        pad_token_id: fills `input_ids` on the right.
    """
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
    longest = max(map(len, tokens))

    def padded(rows: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([rows[i] + [value] * (longest - len(rows[i])) for i in order])

    return Batch(
        padded([t.input_ids for t in tokens], pad_token_id),
        padded([t.labels for t in tokens], IGNORED),
        PackedImages.pack([images[i] for i in order]),
    )
