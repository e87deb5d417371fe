"""Seeded sampling whose result does not depend on the batch. Independent of the model.

Adding Gumbel noise to log-probabilities and taking the argmax draws exactly from their distribution (the Gumbel-max
trick: Gumbel 1954; Maddison, Tarlow and Minka 2014). Greedy search over such scores therefore samples. Each row has its
own generator, so neither the other rows of the batch nor the padding change what a row draws.
"""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor


class SeededSampling(LogitsProcessor):
    """Turns greedy generation into sampling; for `model.generate(…, do_sample=False)`, as the last processor.

    The noise is drawn on the CPU, so every device draws the same; this takes half a millisecond per row and token at
    a vocabulary of 32,000. Use one object per call of `generate`.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        """Seed one generator per row.

        Args:
            seeds: one per row, 0…2⁶³-1.
            temperature: 0 is greedy, whatever the seeds.
            top_p: in (0, 1]; nucleus sampling keeps the likeliest tokens that hold at least this probability.

        Raises:
            ValueError: `temperature` or `top_p` is out of range.
        """
        if temperature < 0 or not 0 < top_p <= 1:
            raise ValueError(f"temperature must be 0 or more and top_p in 0…1, found {temperature} and {top_p}")
        self.temperature = temperature
        self.top_p = top_p
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Add noise to the scores so that the argmax of each row is the sample.

        Args:
            input_ids: [rows, length], not read.
            scores: [rows, vocabulary].

        Returns:
            [rows, vocabulary] scores with noise, -inf outside the nucleus.

        Raises:
            ValueError: there are more or fewer rows than seeds, as in beam search.
        """
        if len(scores) != len(self.generators):
            raise ValueError(
                f"{len(scores)} rows for {len(self.generators)} seeds; give one seed per row, and use no beams"
            )
        if self.temperature == 0:
            return scores
        kept = nucleus(scores.float() / self.temperature, self.top_p)
        noise = torch.stack([gumbel(scores.shape[1], generator) for generator in self.generators])
        return kept + noise.to(scores.device)


def nucleus(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """[rows, vocabulary] scores, -inf outside the smallest set of likeliest tokens that holds at least `top_p`.

    Source: nucleus sampling (Holtzman et al. 2020).
    """
    if top_p == 1:
        return scores
    ordered, order = scores.softmax(-1).sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    outside = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, order, before >= top_p)
    return scores.masked_fill(outside, -torch.inf)


def gumbel(size: int, generator: torch.Generator) -> torch.Tensor:
    """[size] float32 draws from the standard Gumbel distribution."""
    uniform = torch.rand(size, generator=generator, dtype=torch.float64)  # float32 would end the tail at 2⁻²⁴
    return -torch.log(-torch.log(uniform)).float()
