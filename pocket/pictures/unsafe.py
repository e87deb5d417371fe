"""A harmless stand-in for unsafe pictures: a hazard-striped board in front of the picture."""

import torch

from pocket.pictures.warping import uniform

BLACK, YELLOW = (24, 22, 26), (250, 206, 40)


def cover(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Covers pictures [n, 3, s, s], 0 … 255, with black and yellow striped boards of random place, size and angle."""
    n, side = len(images), images.shape[-1]
    axis = (torch.arange(side, device=images.device) + 0.5) / side
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = uniform(random, -0.5, 0.5, n, 1, 1)
    across, along = uniform(random, 0.2, 0.5, n, 1, 1), uniform(random, 0.35, 0.7, n, 1, 1)
    x, y = x - uniform(random, 0.3, 0.7, n, 1, 1), y - uniform(random, 0.3, 0.8, n, 1, 1)
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    board = ((u.abs() < along / 2) & (v.abs() < across / 2))[:, None]
    period = uniform(random, 0.1, 0.22, n, 1, 1)
    yellow = (((u + v) / period) % 1 < 0.5)[:, None]
    colors = torch.tensor([BLACK, YELLOW], device=images.device, dtype=images.dtype)[..., None, None]
    return torch.where(board, torch.where(yellow, colors[1], colors[0]), images)
