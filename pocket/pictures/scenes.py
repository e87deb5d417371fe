"""Scenes to train a face detector on: up to three drawn faces, or decoys, on generated backgrounds.

Coordinates are those of `pocket.pictures.warping`.
"""

from dataclasses import dataclass

import torch

from pocket.pictures.backgrounds import make_backgrounds, stamp
from pocket.pictures.portraits import Portraits
from pocket.pictures.warping import degrade, similarity, transform_points, uniform, warp

MAX_FACES = 3  # per scene
MIN_FACE = 0.11  # side of the smallest face relative to the picture's


@dataclass(frozen=True)
class Scenes:
    """A batch of pictures with the boxes and landmarks of their faces.

    Attributes:
        images: [n, 3, size, size] float32, integers 0 … 255, RGB.
        boxes: [n, MAX_FACES, 4] left, top, right, bottom in pixels.
        points: [n, MAX_FACES, 5, 2] in pixels.
        shown: [n, MAX_FACES] bool, whether the slot holds a face.
    """

    images: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    shown: torch.Tensor


class SceneMaker:
    """Composes scenes of `size` pixels a side from portraits and `backgrounds` generated backgrounds."""

    def __init__(self, portraits: Portraits, size: int, random: torch.Generator, backgrounds: int):
        device = random.device
        self.size, self.random = size, random
        self.images = torch.from_numpy(portraits.images).permute(0, 3, 1, 2).to(device)
        self.boxes = torch.from_numpy(portraits.boxes).to(device)
        self.points = torch.from_numpy(portraits.points).to(device)
        self.backgrounds = torch.cat(
            [make_backgrounds(min(100, backgrounds - k), size, random).byte() for k in range(0, backgrounds, 100)]
        )

    def make(self, count: int, faces: int | None = None) -> Scenes:
        """Composes `count` scenes with `faces` (0 … `MAX_FACES`) faces each; None draws the number at random."""
        random, device = self.random, self.random.device
        if faces is None:
            chances = torch.tensor([0.3, 0.4, 0.2, 0.1], device=device)
            faces = torch.multinomial(chances, count, True, generator=random)
        else:
            faces = torch.full((count,), faces, device=device)
        images = self._draw_backgrounds(count)
        boxes, points = (
            torch.zeros(count, MAX_FACES, 4, device=device),
            torch.zeros(count, MAX_FACES, 5, 2, device=device),
        )
        for slot in range(MAX_FACES):
            who = (faces > slot).nonzero()[:, 0]
            if len(who):
                images[who], boxes[who, slot], points[who, slot] = self._add_face(images[who], faces[who], slot)
        empty = (faces == 0).nonzero()[:, 0]
        if len(empty):
            images[empty] = self._add_decoy(images[empty])
        images = degrade(images, random, blur=0.013 * self.size, noise=14, tint=0.3)
        shown = torch.arange(MAX_FACES, device=device) < faces[:, None]
        return Scenes(images, boxes, points, shown)

    def _draw_backgrounds(self, count: int) -> torch.Tensor:
        """Picks backgrounds, some of them mirrored or with rotated color channels."""
        random = self.random
        pick = torch.randint(len(self.backgrounds), (count,), generator=random, device=random.device)
        images = self.backgrounds[pick].float()
        images = torch.where(uniform(random, 0, 1, count, 1, 1, 1) < 0.5, images, images.flip(3))
        return torch.where(uniform(random, 0, 1, count, 1, 1, 1) < 0.7, images, images.roll(1, 1))

    def _add_face(self, behind: torch.Tensor, of: torch.Tensor, slot: int) -> tuple[torch.Tensor, ...]:
        """Adds a face in the `slot`-th of `of` [n] stripes; returns the pictures, the boxes and the landmarks."""
        random, size, n = self.random, self.size, len(behind)
        pick = torch.randint(len(self.images), (n,), generator=random, device=random.device)
        box, alone = self.boxes[pick], of == 1
        side = ((box[:, 2:] - box[:, :2]).prod(1)).sqrt()
        center = (box[:, :2] + box[:, 2:]) / 2
        most = torch.where(alone, 0.86, 0.66 / of)
        share = MIN_FACE * (most / MIN_FACE) ** uniform(random, 0, 1, n)
        room = (size * (1 - 1.2 * share))[:, None].clamp(min=0)
        target = (size - room) / 2 + room * uniform(random, 0, 1, n, 2)
        # Several faces stand side by side or one above the other.
        stripe = (slot + 0.5 + uniform(random, -0.1, 0.1, n)) / of * size
        upright = (uniform(random, 0, 1, 1) < 0.5).expand(n)
        target[:, 0] = torch.where(~alone & ~upright, stripe, target[:, 0])
        target[:, 1] = torch.where(~alone & upright, stripe, target[:, 1])
        # Half of the single faces are placed as in a portrait.
        plain = alone & (uniform(random, 0, 1, n) < 0.5)
        zoom = size / self.images.shape[-1] * uniform(random, 0.96, 1.08, n)
        usual = zoom[:, None] * (center - self.images.shape[-1] / 2) + size / 2 + uniform(random, -2, 2, n, 2)
        scale = torch.where(plain, zoom, share * size / side)
        target = torch.where(plain[:, None], usual, target)
        mirror = uniform(random, 0, 1, n) < 0.5
        by = similarity(uniform(random, -0.2, 0.2, n), scale, center, target, mirror)
        images = self._paste(behind, pick, by, target, scale * side, (of, slot, upright))
        points = transform_points(self.points[pick], by)
        points = torch.where(mirror[:, None, None], points[:, [1, 0, 2, 4, 3]], points)
        half = scale[:, None] * (box[:, 2:] - box[:, :2]) / 2
        return images, torch.cat([target - half, target + half], 1), points

    def _paste(
        self,
        behind: torch.Tensor,
        pick: torch.Tensor,
        by: torch.Tensor,
        target: torch.Tensor,
        side: torch.Tensor,
        stripe: tuple[torch.Tensor, int, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Pastes the portraits `pick`, whole or only around the face, within their stripe."""
        random, size, n = self.random, self.size, len(behind)
        portraits = self.images[pick].float()
        layer = warp(torch.cat([portraits, torch.ones_like(portraits[:, :1])], 1), by, size)
        axis = torch.arange(size, device=behind.device) + 0.5
        x = (axis - target[:, :1])[:, None, :] / (side * uniform(random, 0.75, 1.3, n))[:, None, None]
        y = (axis - target[:, 1:])[:, :, None] / (side * uniform(random, 0.9, 1.4, n))[:, None, None]
        near = torch.sigmoid((1 - x**2 - y**2) * uniform(random, 4, 40, n)[:, None, None])
        whole = (uniform(random, 0, 1, n) < 0.6)[:, None, None]
        alpha = layer[:, 3] * torch.where(whole, 1.0, near)
        if stripe is not None:
            of, slot, upright = stripe
            inside = ((axis / size * of[:, None]).floor() == slot).float()  # [n, size]
            alpha = alpha * torch.where(upright[:, None, None], inside[:, :, None], inside[:, None, :])
        return behind + (layer[:, :3] - behind) * alpha[:, None]

    def _add_decoy(self, behind: torch.Tensor) -> torch.Tensor:
        """Adds nothing, a portrait whose face is outside the picture, or one whose features are covered."""
        random, size, n = self.random, self.size, len(behind)
        pick = torch.randint(len(self.images), (n,), generator=random, device=random.device)
        box = self.boxes[pick]
        center, extent = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2
        scale = size / self.images.shape[-1] * uniform(random, 0.5, 1.3, n)
        away = uniform(random, -0.2, 0.2, n, 2) * size
        kind = uniform(random, 0, 1, n)
        out = 0.5 * size + extent.amax(1) * scale * uniform(random, 1.1, 1.5, n)
        direction = torch.randint(4, (n,), generator=random, device=random.device)
        ways = torch.tensor([[0, -1], [0, -1], [-1, 0], [1, 0]], device=behind.device)
        far = ways[direction] * out[:, None]
        target = size / 2 + torch.where((kind < 0.3)[:, None], far, away)
        by = similarity(uniform(random, -0.2, 0.2, n), scale, center, target, None)
        shown = self._paste(behind, pick, by, target, scale * extent.amax(1) * 2)
        skin = self.images[pick, :, center[:, 1].long(), (center[:, 0] - 0.4 * extent[:, 0]).long()].float()
        grow = uniform(random, 1.0, 1.15, n, 1)
        covered = stamp(shown, target, scale[:, None] * extent * grow, torch.zeros_like(scale), skin, scale * 8)
        shown = torch.where((kind < 0.3)[:, None, None, None], shown, covered)
        return torch.where((kind < 0.7)[:, None, None, None], shown, behind)
