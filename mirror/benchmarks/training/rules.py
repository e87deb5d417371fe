"""Rules for forming effective batches and splitting them into micro-batches: today's, and earlier ones to compare with.

The examples have two kinds and the lengths of the published ec_planning records.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mirror.seeds import seed_for
from mirror.training import batch as training_batch
from mirror.training import step
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


def mixed_examples(number: int, seed: int = 0) -> list[Example]:
    """Captions and replies alternating, as long as the published ec_planning records."""
    rng = random.Random(seed)
    kinds = {"caption": ((633, 639), (3, 8)), "reply": ((1076, 1676), (20, 70))}
    return [
        Example(kind, rng.randint(*positions), rng.randint(*answer))
        for _ in range(number // 2)
        for kind, (positions, answer) in kinds.items()
    ]


def equal_examples(number: int, seed: int = 0) -> list[Example]:
    """As many positions and answer tokens as `mixed_examples` have, up to rounding, in examples of one length."""
    mixed = mixed_examples(number, seed)
    positions, answer = (
        round(sum(each) / number) for each in zip(*((e.positions, e.answer) for e in mixed), strict=True)
    )
    return [Example("mean", positions, answer)] * number


@dataclass(frozen=True)
class BatchRule:
    """A rule for forming effective batches and splitting them into micro-batches.

    Attributes:
        name: in the report.
        plan: forms the batches of an epoch, with the arguments of `mirror.training.dataset.batches`.
        by_length: split where it costs least; False splits by a fixed number of examples.
        packs: on a GPU, examples are packed into rows without padding.
        examples: that it is measured on, by their number.
    """

    name: str
    plan: Callable[[Sequence[int], Sequence[int], int, int, int], Plan]
    by_length: bool
    packs: bool = False
    examples: Callable[[int], list[Example]] = mixed_examples


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


RULES = (
    BatchRule("random batches, packed into rows (now)", batches, by_length=True, packs=True),
    BatchRule("random batches, cut by length (before)", batches, by_length=True),
    BatchRule("grouped by length over 50 batches (earlier)", grouped_by_length, by_length=False),
    BatchRule("random batches, cut by a fixed count", batches, by_length=False),
)

EQUAL = BatchRule("all examples of the mean length", batches, by_length=True, examples=equal_examples)


def by_count(lengths: Sequence[int], size: int, cost: int = 0) -> list[slice]:
    """The earlier split: micro-batches of `size` examples each, whatever their lengths and the cost of one."""
    return [slice(start, min(start + size, len(lengths))) for start in range(0, len(lengths), size)]


@contextmanager
def split_by(rule: BatchRule) -> Iterator[None]:
    """Within the block, training splits effective batches into micro-batches as the rule says."""
    ours = training_batch.cuts, step.LENGTH_STEP, step.packs
    if not rule.packs:
        step.packs = lambda base: False
    if not rule.by_length:
        training_batch.cuts, step.LENGTH_STEP = by_count, 1
    try:
        yield
    finally:
        training_batch.cuts, step.LENGTH_STEP, step.packs = ours
