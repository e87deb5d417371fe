"""The gradients of all trained weights as one tensor, so that one all-reduce adds them up over the ranks."""

from collections.abc import Sequence

import torch
from torch import nn

from mirror.training.ranks import Ranks


class Gradients:
    """The gradients of weights. With several ranks they are views of one flat tensor, which needs no copies."""

    def __init__(self, weights: Sequence[nn.Parameter], ranks: Ranks) -> None:
        """Take the weights; with several ranks their gradients are allocated now, as zeros.

        Args:
            weights: of one dtype and device.
            ranks: that hold the same weights.
        """
        self.weights, self.ranks = weights, ranks
        self.flat: torch.Tensor | None = None
        if ranks.count > 1:
            first = weights[0]
            self.flat = torch.zeros(sum(p.numel() for p in weights), dtype=first.dtype, device=first.device)
            self.clear()

    def clear(self) -> None:
        """Forget the gradients."""
        if self.flat is None:
            for weight in self.weights:
                weight.grad = None
            return
        self.flat.zero_()
        for weight, part in zip(self.weights, self.flat.split([p.numel() for p in self.weights]), strict=True):
            weight.grad = part.view_as(weight)

    def add(self) -> None:
        """Replace the gradients by their sums over all ranks."""
        if self.flat is not None:
            self.ranks.add(self.flat)
