"""Seeded sampling whose result does not depend on the batch. Knows no model.

Adding Gumbel noise to log-probabilities and taking the largest draws from exactly their distribution (the Gumbel-max
trick: Gumbel 1954; Maddison, Tarlow and Minka 2014). So a greedy search over such scores samples, and as each row has
a generator of its own, neither the rows beside it nor the padding before it change what it draws.
"""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor


class SeededSampling(LogitsProcessor):
    """Turns greedy generation into sampling; for `model.generate(…, do_sample=False)`, last of the processors.

    The noise is drawn on the CPU, so that every device draws the same; it takes half a millisecond a row and token at
    a vocabulary of 32,000. One object serves one call of `generate`.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        """
        Args:
            seeds: one a row, 0…2⁶³-1.
            temperature: 0 is greedy, whatever the seeds.
            top_p: 0…1, without 0; the share of probability that the kept tokens hold at least.
        """
        if temperature < 0 or not 0 < top_p <= 1:
            raise ValueError(f"temperature must be 0 or more and top_p in 0…1, found {temperature} and {top_p}")
        self.temperature = temperature
        self.top_p = top_p
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """[rows, vocabulary] scores → scores with noise, of which the largest is the sample."""
        if len(scores) != len(self.generators):
            raise ValueError(f"{len(scores)} rows for {len(self.generators)} seeds; give one seed a row, and no beams")
        if self.temperature == 0:
            return scores
        kept = nucleus(scores.float() / self.temperature, self.top_p)
        noise = torch.stack([gumbel(scores.shape[1], generator) for generator in self.generators])
        return kept + noise.to(scores.device)


def nucleus(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """[rows, vocabulary] scores, -inf outside the smallest set of likeliest tokens that holds at least `top_p`."""
    if top_p == 1:
        return scores
    ordered, order = scores.softmax(-1).sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    outside = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, order, before >= top_p)
    return scores.masked_fill(outside, -torch.inf)


def gumbel(size: int, generator: torch.Generator) -> torch.Tensor:
    """[size] float32 draws from the standard Gumbel distribution."""
    uniform = torch.rand(size, generator=generator, dtype=torch.float64)  # float32 ends the tail at 2⁻²⁴
    return -torch.log(-torch.log(uniform)).float()
