"""Generated backgrounds without a face: colors, spots, ellipses, faceless figures, scribbles."""

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn import functional as F

from pocket.drawing.identities import HAIRS, SKINS
from pocket.pictures.warping import uniform
from pocket.seeds import stream


def make_backgrounds(count: int, size: int, random: torch.Generator) -> torch.Tensor:
    """Returns generated backgrounds, [count, 3, size, size], 0 … 255."""
    device = random.device
    pale = uniform(random, 0, 1, count, 1, 1, 1) < 0.5
    images = torch.where(pale, uniform(random, 190, 245, count, 3, 1, 1), uniform(random, 0, 255, count, 3, 1, 1))
    images = images.expand(-1, -1, size, size)
    for cells, most in ((2, 50), (5, 40), (24, 40)):
        strength = (most * uniform(random, -1, 1, count, 1, 1, 1)).clamp(min=0)
        spots = torch.randn(count, 3, cells, cells, generator=random, device=device)
        images = images + strength * F.interpolate(spots, size=(size, size), mode="bicubic", align_corners=False)
    bodies = torch.tensor([*SKINS, *SKINS, *HAIRS], dtype=torch.float32, device=device)
    for number in range(10):
        thin = number >= 5
        color = uniform(random, 0, 255, count, 3)
        body = bodies[torch.randint(len(bodies), (count,), generator=random, device=device)]
        color = torch.where(uniform(random, 0, 1, count, 1) < 0.5, body, color)
        extent = size * 10 ** uniform(random, -1.4, -0.4, count, 2)
        if thin:
            extent = torch.stack([extent[:, 0], size * uniform(random, 0.005, 0.03, count)], 1)
        where, angle = uniform(random, 0, size, count, 2), uniform(random, -1.6, 1.6, count)
        stamped = stamp(images, where, extent, angle, color, uniform(random, 1, 30, count))
        images = torch.where(uniform(random, 0, 1, count, 1, 1, 1) < 0.4, stamped, images)
    for _ in range(2):
        figures = _add_figure(images, bodies, random)
        images = torch.where(uniform(random, 0, 1, count, 1, 1, 1) < 0.2, figures, images)
    images = images.clamp(0, 255)
    seed = int(torch.randint(2**31, (1,), generator=random, device=device))
    for number in (uniform(random, 0, 1, count) < 0.35).nonzero()[:, 0].tolist():
        scribbled = _scribbled(images[number].permute(1, 2, 0).byte().cpu().numpy(), seed, number)
        images[number] = torch.from_numpy(scribbled).permute(2, 0, 1).to(images)
    return images


def _add_figure(images: torch.Tensor, bodies: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Adds a body, hair and a head without features; `bodies` [k, 3] are colors of skin and hair."""
    n, size = images.shape[0], images.shape[-1]
    head = size * 10 ** uniform(random, -1.4, -0.4, n, 1)
    where, level, hard = uniform(random, 0, size, n, 2), torch.zeros_like(head[:, 0]), uniform(random, 6, 30, n)
    down = torch.tensor([[0.0, 1.0]], device=images.device)
    skin, hair = (bodies[torch.randint(len(bodies), (n,), generator=random, device=random.device)] for _ in range(2))
    body = torch.cat([head * uniform(random, 1.0, 1.9, n, 1), head * uniform(random, 1.0, 1.7, n, 1)], 1)
    images = stamp(images, where + 2.3 * head * down, body, level, uniform(random, 0, 255, n, 3), hard)
    above = where - head * uniform(random, 0, 0.6, n, 1) * down
    images = stamp(images, above, 0.95 * head.expand(-1, 2), level, hair, hard)
    shape = torch.cat([head * uniform(random, 0.7, 0.95, n, 1), head], 1)
    return stamp(images, where, shape, level, skin, hard)


def _scribbled(image: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Adds rows of strokes, arcs and rings that resemble writing."""
    random, size = stream("scribbles", seed, number), len(image)
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    ink = tuple(random.randint(0, 90) for _ in range(3))
    y = random.uniform(0, 0.3) * size
    for _ in range(random.randint(1, 9)):
        height = random.uniform(0.03, 0.16) * size
        x, width = random.uniform(0, 0.2) * size, max(1, round(height * random.uniform(0.06, 0.16)))
        while x < size:
            wide = height * random.uniform(0.3, 0.8)
            for _ in range(random.randint(0, 3)):
                kind = random.random()
                box = (x, y + height * random.choice((0, 0.4)), x + wide, y + height)
                if kind < 0.4:
                    ends = [(x + wide * random.random(), y + height * random.random()) for _ in range(2)]
                    draw.line(ends, fill=ink, width=width)
                elif kind < 0.7:
                    start = random.randint(0, 359)
                    draw.arc(box, start, start + random.randint(90, 270), fill=ink, width=width)
                else:
                    draw.ellipse(box, outline=ink, width=width)
            x += wide * 1.3
        y += height * random.uniform(1.1, 1.9)
    return np.asarray(canvas).copy()


def stamp(
    images: torch.Tensor,
    where: torch.Tensor,
    extent: torch.Tensor,
    angle: torch.Tensor,
    color: torch.Tensor,
    sharpness: torch.Tensor,
) -> torch.Tensor:
    """Draws one ellipse onto each picture.

    Args:
        images: [n, 3, s, s], 0 … 255.
        where: [n, 2] centers in pixels.
        extent: [n, 2] half-axes in pixels.
        angle: [n] in radians.
        color: [n, 3], 0 … 255.
        sharpness: [n] steepness of the edge; higher is sharper.
    """
    axis = torch.arange(images.shape[-1], device=images.device) + 0.5
    x, y = (axis - where[:, :1])[:, None, :], (axis - where[:, 1:])[:, :, None]
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    along, across = (x * cos + y * sin) / extent[:, :1, None], (y * cos - x * sin) / extent[:, 1:, None]
    alpha = torch.sigmoid((1 - along**2 - across**2) * sharpness[:, None, None])
    return images + (color[:, :, None, None] - images) * alpha[:, None]
