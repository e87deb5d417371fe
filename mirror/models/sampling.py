"""Seeded sampling whose result does not depend on the batch, nor on the device. Independent of the model.

Adding Gumbel noise to log-probabilities and taking the argmax draws exactly from their distribution (the Gumbel-max
trick: Gumbel 1954; Maddison, Tarlow and Minka 2014). Greedy search over such scores therefore samples.

The noise is a function of three numbers: the row's seed, the place of the token in the answer, and the token's id. So
neither the other rows of a batch, nor padding, nor the order of computation change what a row draws. Integers are
hashed with SplitMix64 (Steele, Lea and Flood 2014), and logarithms taken by additions, multiplications and divisions
alone, which IEEE 754 defines to the last bit: the noise has the same bits on every CPU and GPU.
"""

import math
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

# SplitMix64's constants, as signed numbers: PyTorch's 64-bit integers are signed, and wrap around as unsigned ones do.
GOLDEN, FIRST, SECOND = (n - 2**64 for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of √½ in float64
# The noise of several tokens is computed at a time, because calling an operation takes longer than a small one runs.
PLACES = 16
GPU_DRAWS, CPU_DRAWS = 2**22, 2**17  # computed at a time at most; a CPU is fastest while they fit into its caches


class SeededSampling(LogitsProcessor):
    """Turns greedy generation into sampling; for `model.generate(…, do_sample=False)`, as the last processor.

    Use one object per call of `generate`: it counts the tokens. Nothing waits for a GPU.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        """Take one seed per row.

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
        self.seeds = torch.tensor(list(seeds), dtype=torch.int64)
        self._place = 0  # of the next token in the answers
        self._ahead: list[torch.Tensor] = []  # noise of the next tokens, the nearest last

    def with_copies(self, count: int) -> "SeededSampling":
        """The same with `count` more rows that draw as the last one does."""
        seeds = self.seeds.tolist()
        return SeededSampling(seeds + seeds[-1:] * count, self.temperature, self.top_p)

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
        if len(scores) != len(self.seeds):
            raise ValueError(f"{len(scores)} rows for {len(self.seeds)} seeds; give one seed per row, and use no beams")
        if self.temperature == 0:
            return scores
        kept = nucleus(scores.float() / self.temperature, self.top_p)
        if kept.device.type == "cpu" and kept.numel() > CPU_DRAWS:
            self._add_to_the_nucleus(kept)
        else:
            kept += self._next_noise(kept)
        self._place += 1
        return kept

    def _add_to_the_nucleus(self, kept: torch.Tensor) -> None:
        """Add the noise of the tokens that can be drawn, mostly far fewer than all."""
        rows, tokens = kept.isfinite().nonzero(as_tuple=True)
        kept[rows, tokens] += gumbel(noise_seeds(self.seeds, torch.tensor(self._place))[rows], tokens)

    def _next_noise(self, scores: torch.Tensor) -> torch.Tensor:
        if not self._ahead:
            draws = CPU_DRAWS if scores.device.type == "cpu" else GPU_DRAWS
            places = torch.arange(self._place, self._place + max(1, min(PLACES, draws // scores.numel())))
            seeds = noise_seeds(self.seeds, places[:, None]).to(scores.device, non_blocking=True)
            tokens = torch.arange(scores.shape[1], device=scores.device)
            self._ahead = list(gumbel(seeds[:, :, None], tokens))[::-1]
        return self._ahead.pop()


class Forbidden(LogitsProcessor):
    """Tokens that are never written, as transformers' `suppress_tokens`.

    That one compares the whole vocabulary with the tokens at every step, which sorts both, and waits for the GPU.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        """Takes the ids."""
        self.tokens = torch.tensor(list(tokens), dtype=torch.int64)
        self._never: torch.Tensor | None = None  # [vocabulary]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """[rows, vocabulary] scores, -inf at the tokens; `input_ids` are not read."""
        if self._never is None:
            never = torch.zeros(scores.shape[-1], dtype=torch.bool).index_fill_(0, self.tokens, True)
            self._never = never.to(scores.device, non_blocking=True)
        return scores.masked_fill(self._never, -torch.inf)


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


def noise_seeds(seeds: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The seeds of the noise at places of the answers, 0 for their first token: int64, broadcast."""
    return split_mix(split_mix(seeds, torch.tensor(0)), places)


def gumbel(seeds: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Draws from the standard Gumbel distribution, float32: -log(-log(u)) of a u in (0, 1) with 52 random bits.

    float32 would end the distribution's tail at 2⁻²⁴.

    Args:
        seeds: as of `noise_seeds`.
        tokens: their ids; the two are broadcast.
    """
    bits = shifted(split_mix(seeds, tokens), 12)
    return logarithm(logarithm(bits.double().add_(0.5).mul_(2.0**-52)).neg_()).neg_().float()


def split_mix(seeds: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """The outputs of SplitMix64 generators, int64: the first for number 0, and so on; the two are broadcast."""
    state = seeds + (numbers + 1) * GOLDEN
    state = (state ^ shifted(state, 30)).mul_(FIRST)
    state = (state ^ shifted(state, 27)).mul_(SECOND)
    return state ^ shifted(state, 31)


def shifted(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """int64 numbers, shifted right as if they had no sign."""
    return (numbers >> bits).bitwise_and_(2 ** (64 - bits) - 1)


def logarithm(numbers: torch.Tensor) -> torch.Tensor:
    """The natural logarithm of normal, positive float64 numbers, to 10⁻¹¹, with the same bits on every device.

    With x = 2ᵉm and m in [√½, √2): log x = e log 2 + 2 artanh s, s = (m-1) / (m+1), by the series of artanh. Products
    and sums are separate operations, so that none is fused into one with another rounding.
    """
    bits = numbers.contiguous().view(torch.int64)
    exponents = (bits - ROOT_HALF) >> 52
    mantissas = (bits - (exponents << 52)).view(torch.float64)
    s = (mantissas - 1).div_(mantissas + 1)
    square = s * s
    series = torch.full_like(s, 1 / 13)
    for odd in range(11, 0, -2):
        series.mul_(square).add_(1 / odd)
    return series.mul_(s).mul_(2.0).add_(exponents.double().mul_(math.log(2)))
