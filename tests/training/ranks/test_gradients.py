"""Gradients as views of one tensor, summed over ranks."""

import torch
from torch import nn

from mirror.training.ranks import ALONE, Ranks
from mirror.training.ranks.gradients import Gradients


class TwiceRanks(Ranks):
    """Two ranks with the same gradients."""

    count = 2

    def add(self, tensor):
        self.added = tensor.clone()
        tensor.mul_(2)


def weights():
    return [nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(2))]


def test_one_process_keeps_its_gradients_apart():
    ours = weights()
    gradients = Gradients(ours, ALONE)
    (ours[0].sum() + 3 * ours[1].sum()).backward()
    gradients.add()
    assert ours[1].grad.tolist() == [3, 3]
    gradients.clear()
    assert all(weight.grad is None for weight in ours)


def test_several_ranks_add_all_gradients_at_once():
    ours, ranks = weights(), TwiceRanks()
    gradients = Gradients(ours, ranks)
    for _ in range(2):  # micro-batches
        (ours[0].sum() + 3 * ours[1].sum()).backward()
    gradients.add()
    assert ranks.added.tolist() == [2] * 6 + [6] * 2
    assert ours[0].grad.tolist() == [[4] * 3] * 2 and ours[1].grad.tolist() == [12, 12]
    gradients.clear()
    ours[1].sum().backward()
    gradients.add()
    assert ranks.added.tolist() == [0] * 6 + [1] * 2  # a weight without a gradient adds zeros
