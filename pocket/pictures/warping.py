"""Geometric and photometric augmentation of batches of pictures, on any device.

Coordinates are pixels from the upper left corner, x to the right and y down; the center of the first pixel is (½, ½).
A similarity transform M is [n, 2, 3]: it maps a point p to M[:, :, :2] p + M[:, :, 2].
"""

import torch
from torch.nn import functional as F


def uniform(random: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Draws from the uniform distribution on [`low`, `high`), on the generator's device."""
    return low + (high - low) * torch.rand(shape, generator=random, device=random.device)


def similarity(
    angle: torch.Tensor, scale: torch.Tensor, center: torch.Tensor, target: torch.Tensor, mirror: torch.Tensor | None
) -> torch.Tensor:
    """Returns similarity transforms [n, 2, 3].

    Args:
        angle: [n] rotations in radians.
        scale: [n] factors.
        center: [n, 2] centers of rotation.
        target: [n, 2] where the centers are moved to.
        mirror: [n] bool, which ones are mirrored; None for none of them.
    """
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    side = 1 - 2 * mirror.float() if mirror is not None else torch.ones_like(cos)
    turn = torch.stack([torch.stack([side * cos, -sin], -1), torch.stack([side * sin, cos], -1)], -2)
    shift = target - (turn @ center[..., None])[..., 0]
    return torch.cat([turn, shift[..., None]], -1)


def fit_similarity(points: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Returns the least-squares similarity transforms [n, 2, 3] from `points` [n, k, 2] to `target` [k, 2]."""
    p, q = points - points.mean(1, keepdim=True), target - target.mean(0)
    size = (p**2).sum((1, 2))
    cos = (p * q).sum((1, 2)) / size
    sin = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1) / size
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    shift = target.mean(0) - (turn @ points.mean(1)[..., None])[..., 0]
    return torch.cat([turn, shift[..., None]], -1)


def transform_points(points: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Applies transforms `by` [n, 2, 3] to points [n, k, 2]."""
    return points @ by[:, :, :2].transpose(1, 2) + by[:, None, :, 2]


def warp(images: torch.Tensor, by: torch.Tensor, size: int) -> torch.Tensor:
    """Applies transforms `by` [n, 2, 3] to pictures [n, c, s, s]; returns [n, c, size, size], 0 outside the source."""
    turn = torch.linalg.inv(by[:, :, :2])
    back = torch.cat([turn, -turn @ by[:, :, 2:]], -1)
    axis = torch.arange(size, device=images.device) + 0.5
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(1, -1, 2)
    source = transform_points(pixels.expand(len(images), -1, -1), back) / images.shape[-1] * 2 - 1
    return F.grid_sample(images, source.view(-1, size, size, 2), align_corners=False)


def degrade(images: torch.Tensor, random: torch.Generator, blur: float, noise: float, tint: float) -> torch.Tensor:
    """Blurs, tints and adds noise to pictures [n, 3, s, s], 0 … 255; half of them stay sharp, half free of noise.

    Args:
        images: The pictures, which are not changed.
        random: Source of the draws.
        blur: Largest standard deviation of the Gaussian blur in pixels.
        noise: Largest standard deviation of the noise in gray levels.
        tint: Strength of the color shift, 0 … 1.
    """
    n = len(images)
    gray = images.mean(1, keepdim=True)
    images = gray + (images - gray) * uniform(random, 1 - 1.2 * tint, 1 + tint, n, 1, 1, 1)
    images = images * uniform(random, 1 - 0.5 * tint, 1 + 0.5 * tint, n, 3, 1, 1)
    images = images + 255 * uniform(random, -0.4 * tint, 0.4 * tint, n, 1, 1, 1)
    width, grain = blur * uniform(random, -1, 1, n), noise * uniform(random, -1, 1, n, 1, 1, 1)
    soft, grainy = (width > 0.05).nonzero()[:, 0], (grain > 0).nonzero()[:, 0]
    if len(soft):
        images[soft] = blurred(images[soft], width[soft])
    speckles = torch.randn(images[grainy].shape, generator=random, device=images.device)
    images[grainy] = images[grainy] + grain[grainy] * speckles
    return images.round().clamp(0, 255)


def blurred(images: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """Blurs pictures [n, 3, s, s] with Gaussians of standard deviation `width` [n] pixels."""
    n, reach = 3 * len(images), 4
    taps = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.softmax(-(taps**2) / (2 * width[:, None] ** 2), 1).repeat_interleave(3, 0)  # [n, taps]
    flat = F.pad(images.reshape(1, n, *images.shape[2:]), [reach] * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=n)
    return F.conv2d(flat, kernel[:, None, :, None], groups=n).view_as(images)
