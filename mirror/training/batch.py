"""Batches of training examples, and how an effective batch is packed into rows without padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Self

import torch

from mirror.models.llava_chat import IGNORED, Tokens


@dataclass(frozen=True)
class Row:
    """Examples that are computed together: one after another in one row, each attending to itself alone.

    Attributes:
        input_ids: [1, length].
        predicting: [answer tokens], the positions whose next token is one of an answer.
        targets: [answer tokens], those next tokens.
        pixel_values: [examples, 3, size, size], in the order of the row.
        position_ids: [1, length], from 0 in every example.
        bounds: [examples + 1] int32, where each example starts, and the end of the last.
        longest: positions of the longest example.
    """

    input_ids: torch.Tensor
    predicting: torch.Tensor
    targets: torch.Tensor
    pixel_values: torch.Tensor
    position_ids: torch.Tensor
    bounds: torch.Tensor
    longest: int

    def __len__(self) -> int:
        return len(self.pixel_values)

    def to(self, device: torch.device) -> Self:
        """The row on a device."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, torch.Tensor)
        }
        return replace(self, **moved)

    def places(self) -> dict[str, Any]:
        """What a language model is told of the examples' places, under the names of transformers."""
        return {
            "position_ids": self.position_ids,
            "cu_seq_lens_q": self.bounds,
            "cu_seq_lens_k": self.bounds,
            "max_length_q": self.longest,
            "max_length_k": self.longest,
        }


@dataclass(frozen=True)
class Batch:
    """An effective batch of examples, padded on the right; the padding is left out where it is computed.

    Attributes:
        input_ids: [n, length].
        labels: [n, length], `IGNORED` outside the answers.
        pixel_values: [n, 3, size, size].
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    pixel_values: torch.Tensor

    def __len__(self) -> int:
        return len(self.input_ids)

    def answer_tokens(self) -> int:
        """The number of positions with loss (the first position is never predicted)."""
        return int((self.labels[:, 1:] != IGNORED).sum())

    def lengths(self) -> list[int]:
        """Positions of each example without its padding; an example ends at its last label."""
        places = torch.arange(1, self.labels.shape[1] + 1, device=self.labels.device)
        return ((self.labels != IGNORED) * places).amax(1).tolist()

    def split(self, size: int, device: torch.device, length_step: int = 1) -> Iterator[Row]:
        """Pack into rows, each moved to `device`.

        Args:
            size: as in `packed`.
            device: of the rows.
            length_step: lengths of rows are rounded up to a multiple of this.
        """
        lengths = self.lengths()
        for examples in packed(lengths, size):
            yield self._row(examples, [lengths[i] for i in examples], length_step).to(device)

    def _row(self, examples: Sequence[int], lengths: Sequence[int], length_step: int) -> Row:
        total = sum(lengths)
        if rest := -total % length_step:  # an example without image and answer
            lengths = [*lengths, rest]
        filler = torch.zeros(rest, dtype=self.input_ids.dtype)
        ids = [self.input_ids[i, :length] for i, length in zip(examples, lengths, strict=False)]
        labels = torch.cat([self.labels[i, :length] for i, length in zip(examples, lengths, strict=False)])
        starts = [0, *accumulate(lengths)]
        labels[[start for start in starts if start < total]] = IGNORED  # nothing is before the first position
        answers = (labels != IGNORED).nonzero().squeeze(1)
        return Row(
            input_ids=torch.cat([*ids, filler]).unsqueeze(0),
            predicting=answers - 1,
            targets=labels[answers],
            pixel_values=self.pixel_values[list(examples)],
            position_ids=torch.cat([torch.arange(length) for length in lengths]).unsqueeze(0),
            bounds=torch.tensor(starts, dtype=torch.int32),
            longest=max(lengths),
        )


def packed(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Divide examples among as few rows as `size` allows, so that the rows are about equally long.

    Each example, the longest first, goes to the row that is shortest so far. So no row is longer than `size` times the
    longest example, which bounds the memory, and the rows of different batches have similar lengths.

    Args:
        lengths: positions of each example.
        size: number of examples of the greatest length that one row may contain.

    Returns:
        The examples of each row.
    """
    rows: list[list[int]] = [[] for _ in range(-(-len(lengths) // size))]
    filled = [0] * len(rows)
    for example in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        shortest = filled.index(min(filled))
        rows[shortest].append(example)
        filled[shortest] += lengths[example]
    return rows


def collate(tokens: Sequence[Tokens], pixel_values: torch.Tensor, pad_token_id: int) -> Batch:
    """One batch of examples, the longest first.

    Args:
        tokens: of each example.
        pixel_values: [n, 3, size, size], in the order of `tokens`.
        pad_token_id: fills `input_ids` on the right.
    """
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
    longest = max(map(len, tokens))

    def padded(rows: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([rows[i] + [value] * (longest - len(rows[i])) for i in order])

    return Batch(
        padded([t.input_ids for t in tokens], pad_token_id),
        padded([t.labels for t in tokens], IGNORED),
        pixel_values[order],
    )
