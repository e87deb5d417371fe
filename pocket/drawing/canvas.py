"""Anti-aliased vector shapes on a picture, in head coordinates.

The unit is half the height of a head; x runs to the viewer's right, y down, and (0, 0) is the center of the picture.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

OVERSAMPLING = 4  # drawn pixels per final pixel along each side

_ROUND = np.linspace(1.3, -1.3, 7)  # directions of a stroke's round end

Color = tuple[int, int, int]
Points = Sequence[tuple[float, float]]


def mix(color: Color, other: Color, share: float) -> Color:
    """Blends `color` with a `share` (0 … 1) of `other`."""
    return tuple(round(a + (b - a) * share) for a, b in zip(color, other, strict=True))


def curve(points: Points, closed: bool = False, steps: int = 10) -> np.ndarray:
    """Interpolates `points` by a Catmull–Rom spline with `steps` points per segment; returns [n, 2]."""
    p = np.asarray(points, dtype=float)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    pieces = np.stack([p[:-3], p[1:-2], p[2:-1], p[3:]], axis=1)
    smooth = np.einsum("sk,mkd->msd", _spline(steps), pieces).reshape(-1, 2)
    return smooth if closed else np.concatenate([smooth, p[-2:-1]])


class Canvas:
    """A square picture, drawn at `OVERSAMPLING` times its size and scaled down at the end."""

    def __init__(self, size: int, background: Color, unit: float = 0.345):
        """Creates an empty picture.

        Args:
            size: Side of the finished picture in pixels.
            background: Its color.
            unit: Length of one unit relative to the side.
        """
        self.size = size
        self._pixels = size * OVERSAMPLING
        self._unit = unit * self._pixels
        self._image = Image.new("RGB", (self._pixels, self._pixels), background)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self.move()

    def move(self, x: float = 0.0, y: float = 0.0, tilt: float = 0.0, scale: float = 1.0) -> None:
        """Sets the transform of the following shapes: scale, rotation by `tilt` radians, then shift by (x, y) units."""
        self._shift = np.array([x, y])
        self._turn = scale * np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
        self._scale = scale

    def shape(self, points: Points, color: Color, alpha: float = 1.0) -> None:
        """Draws a filled polygon."""
        self._draw.polygon(self._place(points), fill=(*color, round(255 * alpha)))

    def blob(self, x: float, y: float, width: float, height: float, color: Color, alpha: float = 1.0) -> None:
        """Draws a filled ellipse around (x, y) with half-axes `width` and `height`."""
        self.shape(ellipse(x, y, width, height), color, alpha)

    def line(self, points: Points, width: float | Sequence[float], color: Color, alpha: float = 1.0) -> None:
        """Draws a stroke with round ends; several widths are interpolated along the line."""
        p = np.asarray(points, dtype=float)
        knots = np.atleast_1d(width) / 2
        widths = np.interp(np.arange(len(p)) / (len(p) - 1) * (len(knots) - 1), np.arange(len(knots)), knots)
        direction = np.concatenate([p[1:2] - p[:1], p[2:] - p[:-2], p[-1:] - p[-2:-1]])
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9
        normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1) * widths[:, None]
        ends = []
        for k, turned in ((-1, 0.0), (0, math.pi)):
            angle = math.atan2(direction[k, 1], direction[k, 0]) + turned + _ROUND
            ends.append(p[k] + widths[k] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
        self.shape(np.concatenate([p + normal, ends[0], (p - normal)[::-1], ends[1]]), color, alpha)

    def clipped(self, outline: Points, draw: Callable[[], None]) -> None:
        """Calls `draw()` and keeps what it draws inside `outline` only."""
        before = self._image.copy()
        draw()
        mask = Image.new("L", self._image.size, 0)
        ImageDraw.Draw(mask).polygon(self._place(outline), fill=255)
        before.paste(self._image, mask=mask)
        self._image.paste(before)

    def glow(self, x: float, y: float, radius: float, color: Color, alpha: float) -> None:
        """Draws a soft round spot that fades out at `radius`."""
        left, top = self._place([(x, y)])
        half = round(radius * self._scale * self._unit)
        spot = _spot().point(lambda level: round(level * alpha)).resize((2 * half, 2 * half), Image.Resampling.BILINEAR)
        self._image.paste(color, (round(left) - half, round(top) - half), spot)

    def finish(self) -> Image.Image:
        """Returns the picture at its final size, RGB."""
        return self._image.resize((self.size, self.size), Image.Resampling.LANCZOS)

    def pixels(self, points: Points) -> np.ndarray:
        """Returns the positions [n, 2] of points on the finished picture, in pixels from its upper left corner."""
        return np.reshape(self._place(points), (-1, 2)) / OVERSAMPLING

    def _place(self, points: Points) -> list[float]:
        """Returns x, y, x, y … in drawn pixels."""
        moved = np.asarray(points, dtype=float) @ self._turn.T + self._shift
        return (moved * self._unit + self._pixels / 2).ravel().tolist()


@cache
def _spline(steps: int) -> np.ndarray:
    """Returns the weights [steps, 4] of four control points for the segment between the second and the third."""
    t = np.linspace(0, 1, steps, endpoint=False)
    powers = np.stack([np.ones(steps), t, t**2, t**3], axis=1)
    return powers @ (np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2)


@cache
def _spot() -> Image.Image:
    """Returns a soft white disc on black, 64 pixels a side."""
    disc = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(disc).ellipse((16, 16, 47, 47), fill=255)
    return disc.filter(ImageFilter.GaussianBlur(8))


def ellipse(x: float, y: float, width: float, height: float, points: int = 40) -> np.ndarray:
    """Returns points [points, 2] on the ellipse around (x, y) with half-axes `width` and `height`."""
    t = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return np.stack([x + width * np.cos(t), y + height * np.sin(t)], axis=1)
