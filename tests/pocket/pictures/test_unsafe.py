"""The striped board of unsafe pictures."""

import torch

from pocket.pictures.unsafe import cover


def test_the_board_covers_a_good_part_of_a_picture_and_nothing_else_changes():
    images = torch.full((64, 3, 96, 96), 128.0)
    covered = cover(images, torch.Generator().manual_seed(0))
    share = (covered != images).any(1).float().mean((1, 2))
    assert share.min() > 0.02 and share.mean() > 0.1 and share.max() < 0.5
    assert len(covered.unique()) <= 7  # gray, and three channels of two colors
