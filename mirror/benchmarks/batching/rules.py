"""Rules for forming effective batches and computing them in parts: today's, and earlier ones to compare with.

The examples have two kinds and the lengths of the published ec_planning records.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from mirror.benchmarks.batching.padded import LENGTH_STEP, Cuts, cheapest_cuts, cuts_by_count, padded_micro_batches
from mirror.seeds import seed_for
from mirror.training.batch import packed
from mirror.training.dataset import batches

Plan = list[list[int]]


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes:
        kind: `caption` or `reply`.
        positions: tokens, with the image's 576.
        answer: tokens of the answer.
    """

    kind: str
    positions: int
    answer: int


@dataclass(frozen=True)
class BatchRule:
    """A rule for forming effective batches and computing them in parts.

    Attributes:
        name: in the report.
        plan: forms the batches of an epoch, with the arguments of `mirror.training.dataset.batches`.
        cuts: splits a batch into padded micro-batches; None packs it into rows.
        length_step: lengths of micro-batches are rounded up to a multiple of this on a GPU.
    """

    name: str
    plan: Callable[[Sequence[int], Sequence[int], int, int, int], Plan]
    cuts: Cuts | None = None
    length_step: int = LENGTH_STEP

    def parts(self, lengths: Sequence[int], size: int) -> tuple[int, int]:
        """The number of parts in which a batch is computed, and their positions with padding.

        Args:
            lengths: positions of each example, the longest first.
            size: number of examples of the greatest length in one part.
        """
        if self.cuts is None:
            return len(packed(lengths, size)), sum(lengths)
        cut = self.cuts(lengths, size)
        return len(cut), sum(len(lengths[part]) * lengths[part.start] for part in cut)

    def applied(self) -> AbstractContextManager[None]:
        """Within the block, training computes effective batches as the rule says."""
        return nullcontext() if self.cuts is None else padded_micro_batches(self.cuts, self.length_step)


def grouped_by_length(indices: Sequence[int], lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> Plan:
    """The earlier rule: groups of 50 batches are sorted by length, then split; captions and replies are never mixed."""
    shuffle = random.Random(seed_for("batches", seed, epoch))
    length_of = dict(zip(indices, lengths, strict=True))
    order = list(indices)
    shuffle.shuffle(order)
    cut = []
    for start in range(0, len(order), 50 * batch_size):
        group = sorted(order[start : start + 50 * batch_size], key=lambda i: -length_of[i])
        cut += [group[i : i + batch_size] for i in range(0, len(group), batch_size)]
    shuffle.shuffle(cut)
    longest = max(range(len(cut)), key=lambda b: max(length_of[i] for i in cut[b]))
    cut[0], cut[longest] = cut[longest], cut[0]
    return cut


PACKED = BatchRule("random batches, packed (now)", batches)
PADDED = BatchRule("random batches, padded, cut by length (before)", batches, cheapest_cuts)
FIXED = BatchRule("random batches, padded, cut by a fixed count", batches, cuts_by_count, 1)
GROUPED = BatchRule("grouped by length over 50 batches, padded (earlier)", grouped_by_length, cuts_by_count, 1)
RULES = (PACKED, PADDED, FIXED, GROUPED)


def equal_examples(number: int, positions: int) -> list[Example]:
    """Examples of one length, with answers as those of `mixed_examples`."""
    return [Example(e.kind, positions, e.answer) for e in mixed_examples(number)]


def mixed_examples(number: int, seed: int = 0) -> list[Example]:
    """Captions and replies alternating, as long as the published ec_planning records."""
    rng = random.Random(seed)
    kinds = {"caption": ((633, 639), (3, 8)), "reply": ((1076, 1676), (20, 70))}
    return [
        Example(kind, rng.randint(*positions), rng.randint(*answer))
        for _ in range(number // 2)
        for kind, (positions, answer) in kinds.items()
    ]
