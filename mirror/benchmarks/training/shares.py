"""Counts what the batches of each rule contain: kinds, their weight in the loss, and padding. Needs no GPU."""

from collections.abc import Sequence
from dataclasses import dataclass

from mirror.benchmarks.training.rules import BatchRule, Example, split_by
from mirror.training import batch as training_batch
from mirror.training.step import ROW_STEP


@dataclass(frozen=True)
class Shares:
    """What the batches of a rule contain, over one epoch; shares are in 0…1.

    Attributes:
        name: of the rule.
        of_one_kind: share of the batches with examples of one kind only.
        captions_in_steps: mean share of the captions in a batch's answer tokens, which is their weight in the loss.
        captions_of_tokens: share of the captions in all answer tokens.
        padding: share of all positions that are computed.
        micro_batches: mean number per batch.
    """

    name: str
    of_one_kind: float
    captions_in_steps: float
    captions_of_tokens: float
    padding: float
    micro_batches: float


def count_shares(rule: BatchRule, examples: Sequence[Example], batch_size: int, micro_batch: int) -> Shares:
    """Count one epoch of batches formed by the rule; no tensor is created."""
    plan = rule.plan(range(len(examples)), [e.positions for e in examples], batch_size, 0, 0)
    computed = parts = 0
    weights, kinds = [], []
    with split_by(rule):
        for batch in plan:
            lengths = sorted((examples[i].positions for i in batch), reverse=True)
            if rule.packs:
                cut = training_batch.even_cuts(lengths, micro_batch * lengths[0])
                computed += sum(-(-sum(lengths[part]) // ROW_STEP) * ROW_STEP for part in cut)
            else:
                cut = training_batch.cuts(lengths, micro_batch, training_batch.GPU_COST)
                computed += sum(len(lengths[part]) * lengths[part.start] for part in cut)
            parts += len(cut)
            weights.append(_caption_share([examples[i] for i in batch]))
            kinds.append(len({examples[i].kind for i in batch}))
    return Shares(
        rule.name,
        kinds.count(1) / len(plan),
        sum(weights) / len(plan),
        _caption_share(examples),
        1 - sum(e.positions for e in examples) / computed,
        parts / len(plan),
    )


def _caption_share(examples: Sequence[Example]) -> float:
    """The captions' share of the answer tokens, which is their weight in the loss over these examples."""
    return sum(e.answer for e in examples if e.kind == "caption") / sum(e.answer for e in examples)


def shares_table(shares: Sequence[Shares]) -> str:
    """The shares as a Markdown table, one row per rule."""
    heads = "of one kind | captions in the steps | captions of the answer tokens | padding | micro-batches a step"
    lines = [f"| batches | {heads} |", "|---" * 6 + "|"]
    for c in shares:
        cells = f"{c.of_one_kind:.1%} | {c.captions_in_steps:.1%} | {c.captions_of_tokens:.1%} | {c.padding:.1%}"
        lines.append(f"| {c.name} | {cells} | {c.micro_batches:.1f} |")
    return "\n".join(lines)
