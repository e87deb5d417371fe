"""Draws the mouth: lips, teeth, corners and chin, moved by the action units."""

from dataclasses import dataclass

import numpy as np

from pocket.drawing.canvas import Canvas, Points, curve, mix
from pocket.drawing.head import Head

WHITE = (250, 248, 246)
DEPTH = 1.1  # slightly in front of the face


@dataclass(frozen=True)
class Mouth:
    """The shape of the lips.

    Attributes:
        left: Corner on the viewer's left.
        right: Corner on the viewer's right.
        top: Height of the upper seam in the middle.
        low: Height of the lower seam in the middle.
        width: Half the width of the mouth.
        below: Height of the hollow above the chin.
        upper_edge: [n, 2] outer edge of the upper lip.
        upper_seam: [n, 2] inner edge of the upper lip.
        lower_seam: [n, 2] inner edge of the lower lip.
        lower_edge: [n, 2] outer edge of the lower lip.
    """

    left: tuple[float, float]
    right: tuple[float, float]
    top: float
    low: float
    width: float
    below: float
    upper_edge: np.ndarray
    upper_seam: np.ndarray
    lower_seam: np.ndarray
    lower_edge: np.ndarray

    @classmethod
    def of(cls, head: Head) -> "Mouth":
        """Computes the lips from identity and action units."""
        who, u = head.who, head.units
        y = who.nose_length + 0.27 - 0.03 * u.chin_up
        w = who.mouth_width * (1 + 0.38 * u.lip_stretch + 0.22 * u.corner_up - 0.18 * u.jaw_drop - 0.05 * u.lip_press)
        corner = y - 0.11 * u.corner_up + 0.10 * u.corner_down
        aside = 0.07 * u.corner_single
        left, right = (-w + aside, corner + 0.5 * aside), (w + aside, corner - 0.8 * aside)
        full = who.lip_fullness * (1 - 0.75 * u.lip_press) * (1 - 0.3 * u.lip_stretch)
        middle = y + 0.04 * u.corner_up - 0.05 * u.corner_down - 0.03 * u.chin_up
        gap = 0.07 * u.lip_part + 0.19 * u.jaw_drop + 0.07 * u.lip_stretch
        top, low = middle - 0.3 * gap, middle + gap

        def between(*points: tuple[float, float]) -> np.ndarray:
            return curve([left, *[(x * w + aside, y) for x, y in points], right])

        bow = [(-0.5, top - full * 0.85), (-0.16, top - full * 1.15)]
        return cls(
            left=left,
            right=right,
            top=top,
            low=low,
            width=w,
            below=low + full * 1.65 + 0.07,
            upper_edge=between(*bow, (0, top - full * 0.8), *[(-x, y) for x, y in bow[::-1]]),
            upper_seam=between((-0.45, top), (0, top + 0.012), (0.45, top)),
            lower_seam=between((-0.55, low - 0.12 * gap), (0, low), (0.55, low - 0.12 * gap)),
            lower_edge=between((-0.5, low + full * 1.2), (0, low + full * 1.65), (0.5, low + full * 1.2)),
        )


def draw_mouth(canvas: Canvas, head: Head) -> None:
    """Draws lips, the inside of the mouth, corners and chin."""
    mouth, lips = Mouth.of(head), head.who.lips
    upper = _front(head, [*mouth.upper_edge, *mouth.upper_seam[::-1]])
    lower = _front(head, [*mouth.lower_edge, *mouth.lower_seam[::-1]])
    canvas.shape(upper, mix(lips, (90, 20, 30), 0.14))
    canvas.shape(lower, mix(lips, WHITE, 0.10))
    if mouth.low - mouth.top > 0.012:
        _inside(canvas, head, mouth)
    else:
        seam = mix(lips, (50, 12, 20), 0.72)
        canvas.line(_front(head, mouth.upper_seam), (0.02, 0.04, 0.035, 0.04, 0.02), seam)
    _corners(canvas, head, mouth)
    _chin(canvas, head, mouth)


def _front(head: Head, points: Points) -> np.ndarray:
    return head.points(points, DEPTH)


def _inside(canvas: Canvas, head: Head, mouth: Mouth) -> None:
    u = head.units
    hole = _front(head, [*mouth.upper_seam, *mouth.lower_seam[::-1]])
    gap = mouth.low - mouth.top
    clenched = u.lip_stretch > 0.5
    canvas.shape(hole, (92, 28, 36))

    def teeth():
        if u.lip_part > 0.1:
            edge = mouth.upper_seam + [0, 2 * gap if clenched else 0.4 * gap + 0.02]
            canvas.shape(_front(head, [*mouth.upper_seam, *edge[::-1]]), WHITE)
        if clenched:
            for x in np.linspace(-0.6, 0.6, 7) * mouth.width:
                canvas.line(_front(head, [(x, mouth.top - 0.1), (x, mouth.low + 0.1)]), 0.012, (176, 150, 148))
            bite = curve([mouth.left, (0, (mouth.top + mouth.low) / 2), mouth.right])
            canvas.line(_front(head, bite), 0.016, (150, 120, 120))
        elif u.jaw_drop > 0.5:
            canvas.blob(*head.at(0, mouth.low + 0.02, DEPTH), mouth.width * 0.5, 0.38 * gap, (206, 96, 100))

    canvas.clipped(hole, teeth)


def _corners(canvas: Canvas, head: Head, mouth: Mouth) -> None:
    """Draws the dents beside a smile, pressed lips, or a corner that is pulled aside."""
    u = head.units
    for out, (x, y) in ((-1, mouth.left), (1, mouth.right)):
        depth = max(u.corner_up, u.lip_press * 0.8, u.corner_single if out > 0 else 0)
        if depth > 0.35:
            dent = curve([(x + out * 0.03, y - 0.06), (x + out * 0.06, y), (x + out * 0.035, y + 0.06)])
            canvas.line(_front(head, dent), (0.005, 0.036, 0.005), head.shade(0.5), depth)


def _chin(canvas: Canvas, head: Head, mouth: Mouth) -> None:
    y = mouth.below
    hollow = curve([(-0.10, y), (0, y + 0.02), (0.10, y)])
    canvas.line(_front(head, hollow), 0.024, head.shade(0.35), 0.6)
    if head.units.chin_up > 0.4:
        for x, dy in ((-0.08, 0.07), (0.0, 0.10), (0.08, 0.07), (-0.03, 0.04), (0.04, 0.04)):
            canvas.blob(*head.at(x, y + dy, DEPTH), 0.018, 0.014, head.shade(0.45), 0.8)
