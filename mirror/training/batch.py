"""Batches of training examples, and how an effective batch is split into micro-batches.

Two ways: rectangles, padded on the right, and rows in which examples stand one after another without padding.
"""

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
    """A batch of examples, padded on the right, or packed into one row.

    Attributes:
        input_ids: [n, length].
        labels: [n, length], `IGNORED` outside the answers.
        images: the tensors of each example's image.
        row: [examples] positions of each, if all are packed into one row; else None.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    images: PackedImages
    row: torch.Tensor | None = None

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

    def trimmed(self, step: int) -> "Batch":
        """Without the padding that all examples have; as long as the longest, rounded up to a multiple of `step`."""
        length = -(-max(self.lengths()) // step) * step
        return Batch(_resized(self.input_ids, length, 0), _resized(self.labels, length, IGNORED), self.images)

    def packed(self, step: int) -> "Batch":
        """All examples in one row, one after another without padding, which is a multiple of `step` long."""
        lengths = self.lengths()
        lengths[-1] += -sum(lengths) % step  # the padding of the last example
        ids, labels = _resized(self.input_ids, max(lengths), 0), _resized(self.labels, max(lengths), IGNORED)
        taken = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        # The end of one example does not predict the beginning of the next.
        labels = torch.where(torch.arange(max(lengths)) == 0, IGNORED, labels)
        return Batch(ids[taken][None], labels[taken][None], self.images, torch.tensor(lengths))

    def packs(self, size: int, row_step: int, length_step: int) -> Iterator["Batch"]:
        """Split into as few micro-batches as possible, each about as large as the others, and pack each into a row.

        Examples of one length stay rows of their own, as they have no padding.

        Args:
            size: number of examples of the greatest length that one micro-batch may contain.
            row_step: lengths of packed rows are rounded up to a multiple of this.
            length_step: the same for lengths of examples.
        """
        lengths = self.lengths()
        for part in even_cuts(lengths, size * max(lengths, default=0)):
            rows = Batch(self.input_ids[part], self.labels[part], self.images[part])
            yield rows.packed(row_step) if len({*lengths[part]}) > 1 else rows.trimmed(length_step)

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
        for part in cuts(lengths, size, overhead(device)):
            yield Batch(self.input_ids[part], self.labels[part], self.images[part]).trimmed(length_step)


def overhead(device: torch.device) -> int:
    """That of a micro-batch on a device, in positions."""
    return CPU_COST if device.type == "cpu" else GPU_COST


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


def even_cuts(lengths: Sequence[int], most: int) -> list[slice]:
    """Split examples into as few parts of at most `most` positions as possible, and these as evenly as possible."""

    def parts(limit: int) -> list[slice]:
        found, start, filled = [], 0, 0
        for place, length in enumerate(lengths):
            if filled + length > limit and place > start:
                found.append(slice(start, place))
                start, filled = place, 0
            filled += length
        return [*found, slice(start, len(lengths))]

    if not lengths:
        return []
    fewest = len(parts(most))
    low, high = max(lengths), most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(parts(middle)) == fewest else (middle + 1, high)
    return parts(high)


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
