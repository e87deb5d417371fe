"""Draws nose, eyes and brows, each moved by the action units."""

from dataclasses import dataclass

import numpy as np

from pocket.drawing.canvas import Canvas, curve, ellipse, mix
from pocket.drawing.head import Head

INK = (52, 36, 40)
WHITE = (250, 248, 246)


def draw_nose(canvas: Canvas, head: Head, light: int) -> None:
    """Draws the nose, its creases and its flush."""
    who, u = head.who, head.units
    tip, w = who.nose_length - 0.03 * u.nose_wrinkle, who.nose_width
    canvas.glow(*head.at(0, tip - 0.04, 1.5), 0.26, (226, 84, 84), 0.10 + 0.35 * u.flush)
    bridge = [head.at(-light * 0.055, 0.02, 1.1), head.at(-light * 0.065, tip * 0.6, 1.3)]
    canvas.line(curve([*bridge, head.at(-light * w * 0.8, tip - 0.03, 1.4)]), (0.01, 0.03, 0.02), head.shade(0.3), 0.55)
    wings = [(-w, tip - 0.05), (-w * 0.75, tip + 0.02), (0, tip + 0.05), (w * 0.75, tip + 0.02), (w, tip - 0.05)]
    canvas.line(head.points(curve(wings), 1.4), (0.02, 0.035, 0.045, 0.035, 0.02), head.shade(0.42))
    if u.nose_wrinkle > 0.2:
        for k in (-1, 1):
            crease = head.points(curve([(k * 0.045, -0.10), (k * 0.07, -0.02), (k * 0.14, 0.05)]), 1.2)
            canvas.line(crease, (0.01, 0.035, 0.01), head.shade(0.45), 0.9 * u.nose_wrinkle)
            fold = head.points(curve([(k * (w + 0.02), tip - 0.10), (k * 0.29, tip + 0.02), (k * 0.35, tip + 0.16)]))
            canvas.line(fold, (0.01, 0.035, 0.01), head.shade(0.4), 0.8 * u.nose_wrinkle)


@dataclass(frozen=True)
class Opening:
    """The shape of one eye's lids.

    Attributes:
        side: -1 for the client's right eye, 1 for the left.
        x: Center of the eye.
        lower: Height of the lower lid.
        closed: Whether the eye is closed.
        outer: Outer corner.
        lid: [n, 2] curve of the upper lid.
        rim: [n, 2] curve of the lower lid.
    """

    side: int
    x: float
    lower: float
    closed: bool
    outer: tuple[float, float]
    lid: np.ndarray
    rim: np.ndarray

    @classmethod
    def of(cls, head: Head, side: int) -> "Opening":
        """Computes the lids from identity and action units."""
        who, u = head.who, head.units
        w, h, x = who.eye_width, who.eye_height, side * who.eye_distance
        narrow = u.squint + (0.5 * u.brow_single if side < 0 else 0)
        upper = h * (1 + 0.55 * u.lid_up) * (1 - 0.12 * u.brow_down) - 2.0 * h * u.lid_down
        lower = h * (0.78 + 0.12 * u.lid_up) * (1 - 0.55 * min(1.0, narrow)) * (1 - 0.25 * u.cheek_up)
        upper = max(upper, -lower * 0.98)
        inner, outer = (x - side * w, 0.015), (x + side * w, -0.01 - who.eye_slant)
        lid = curve([inner, (x - side * w * 0.45, -upper * 0.86), (x + side * w * 0.25, -upper), outer])
        rim = curve([outer, (x + side * w * 0.4, lower * 0.95), (x - side * w * 0.4, lower * 0.9), inner])
        return cls(side, x, lower, upper <= -0.5 * lower, outer, lid, rim)


def draw_eye(canvas: Canvas, head: Head, side: int) -> None:
    """Draws one eye with its lids; `side` is -1 for the client's right, 1 for the left."""
    who, u, eye = head.who, head.units, Opening.of(head, side)
    _eye_bag(canvas, head, eye)
    canvas.shape(
        head.points(ellipse(eye.x, -0.035, who.eye_width * 1.08, who.eye_height * 1.25)), head.shade(0.28), 0.22
    )
    if not eye.closed:
        _eyeball(canvas, head, eye)
        crease = [(x, y - 0.045 - 0.02 * u.lid_up - 0.03 * u.lid_down) for x, y in eye.lid[3:-3]]
        canvas.line(head.points(crease), (0.008, 0.022, 0.008), head.shade(0.5), 0.8)
    lash = 0.055 if who.gender == "woman" else 0.042
    canvas.line(head.points(eye.lid), (0.025, lash, lash * 1.1), INK)
    if who.gender == "woman":
        x, y = eye.outer
        tip = (x + side * 0.05, y + (0.03 if eye.closed else -0.045))
        canvas.line(head.points([(x - side * 0.02, y), tip]), (lash, 0.01), INK)
    if u.cheek_up > 0.3 or u.squint > 0.3:
        low, w = eye.lower, side * who.eye_width
        pouch = curve([(eye.x - w * 0.6, low + 0.06), (eye.x, low + 0.10), (eye.x + w * 0.7, low + 0.04)])
        canvas.line(head.points(pouch), (0.005, 0.024, 0.005), head.shade(0.45), 0.7)


def _eyeball(canvas: Canvas, head: Head, eye: Opening) -> None:
    who, u = head.who, head.units
    opening = head.points([*eye.lid, *eye.rim])
    canvas.shape(opening, WHITE)
    x, y = eye.x + 0.5 * who.eye_width * u.gaze_x, 0.75 * who.eye_height * u.gaze_y - 0.01
    r = who.eye_height * 0.92

    def iris():
        canvas.blob(*head.at(x, y), r, r, mix(who.iris, INK, 0.35))
        canvas.blob(*head.at(x, y), r * 0.84, r * 0.84, who.iris)
        canvas.blob(*head.at(x, y), r * 0.45, r * 0.45, (18, 14, 18))
        canvas.blob(*head.at(x + 0.3 * r, y - 0.35 * r), r * 0.24, r * 0.24, WHITE)
        canvas.line(head.points(eye.lid) + [0, 0.03], 0.05, INK, 0.25)

    canvas.clipped(opening, iris)
    canvas.line(head.points(eye.rim), 0.016, head.shade(0.55), 0.8)


def _eye_bag(canvas: Canvas, head: Head, eye: Opening) -> None:
    who, u = head.who, head.units
    if u.eye_bags < 0.2 and who.age < 58:
        return
    w, h, strength = eye.side * who.eye_width, who.eye_height, max(u.eye_bags, 0.35)
    bag = curve([(eye.x - w * 0.8, h * 0.95), (eye.x, h * 1.75), (eye.x + w * 0.85, h * 1.0)])
    canvas.shape(head.points([*bag, *eye.rim]), mix(head.shade(0.3), (70, 50, 110), 0.35), 0.45 * strength)
    canvas.line(head.points(bag), (0.01, 0.03, 0.01), head.shade(0.5), 0.6 * strength)


def draw_brow(canvas: Canvas, head: Head, side: int) -> None:
    """Draws one brow, and the frown between both; `side` is -1 for the client's right, 1 for the left."""
    who, u = head.who, head.units
    x, y = side * who.eye_distance, -who.brow_height
    single = u.brow_single * (1 if side > 0 else -0.45)
    inner = y - 0.5 * who.brow_arch - 0.17 * u.brow_inner_up + 0.15 * u.brow_down - 0.16 * single
    peak = y - who.brow_arch - 0.08 * u.brow_inner_up - 0.12 * u.brow_outer_up + 0.08 * u.brow_down - 0.24 * single
    outer = y + 0.05 - 0.14 * u.brow_outer_up + 0.07 * u.brow_inner_up - 0.03 * u.brow_down - 0.17 * single
    close = 0.05 * u.brow_down + 0.02 * u.brow_inner_up
    line = [(x - side * (0.19 + close), inner), (x - side * 0.02, (inner + peak) / 2 - 0.02)]
    line += [(x + side * 0.11, peak), (x + side * 0.235, outer)]
    w = who.brow_width
    canvas.line(head.points(curve(line)), (w * 0.85, w, w * 0.85, w * 0.3), who.brow)
    if u.brow_down > 0.5 and side > 0:
        for k in (-1, 1):
            frown = curve([(k * 0.05, inner - 0.07), (k * 0.035, inner + 0.02), (k * 0.05, inner + 0.09)])
            canvas.line(head.points(frown), (0.005, 0.03, 0.005), head.shade(0.5), u.brow_down)
