"""Draws what is on a face: wrinkles, freckles, a mole, a beard, glasses, tears."""

import numpy as np

from pocket.drawing.canvas import Canvas, curve, ellipse, mix
from pocket.drawing.head import Head

WHITE = (250, 248, 246)


def draw_marks(canvas: Canvas, head: Head) -> None:
    """Draws wrinkles of age and of raised brows, freckles and a mole."""
    who, u = head.who, head.units
    line = head.shade(0.30)
    for side, raised in ((-1, u.brow_outer_up), (1, max(u.brow_outer_up, u.brow_single))):
        for k in range(2 if raised > 0.6 else 0):
            fold = curve(
                [(side * 0.12, -0.62 - 0.08 * k), (side * 0.27, -0.65 - 0.08 * k), (side * 0.42, -0.61 - 0.08 * k)]
            )
            canvas.line(head.points(fold), (0.005, 0.022, 0.005), head.shade(0.4), 0.7 * raised)
    if who.age > 42:
        strength = min(1.0, (who.age - 38) / 30)
        for side in (-1, 1):
            fold = head.points(curve([(side * 0.19, 0.33), (side * 0.33, 0.47), (side * 0.37, 0.60)]))
            canvas.line(fold, (0.01, 0.03, 0.01), line, 0.6 * strength)
            for k in (-1, 1):
                foot = head.points([(side * 0.57, 0.02 + 0.03 * k), (side * 0.63, 0.02 + 0.07 * k)])
                canvas.line(foot, 0.018, line, 0.6 * strength)
        for k in range(2):
            wrinkle = head.points(curve([(-0.26, -0.56 - 0.1 * k), (0, -0.58 - 0.1 * k), (0.26, -0.56 - 0.1 * k)]))
            canvas.line(wrinkle, (0.005, 0.02, 0.005), line, 0.5 * strength)
    if who.freckles:
        for x, y in ((0.3, 0.26), (0.38, 0.33), (0.47, 0.25), (0.43, 0.40), (0.22, 0.33), (0.53, 0.33)):
            for side in (-1, 1):
                canvas.blob(*head.at(side * x, y + 0.01 * side), 0.02, 0.018, (176, 104, 70), 0.55)
    if who.mole:
        canvas.blob(*head.at(*who.mole), 0.025, 0.025, (86, 54, 48))


def draw_beard(canvas: Canvas, head: Head) -> None:
    """Draws stubble, moustache, goatee or full beard, which follow jaw and corners of the mouth."""
    who, u = head.who, head.units
    if who.beard == "none":
        return
    y = who.nose_length + 0.27
    color, alpha = (who.brow, 0.92) if who.beard != "stubble" else (mix(who.brow, (62, 62, 74), 0.4), 0.30)
    lift = 0.08 * u.corner_up - 0.06 * u.corner_down
    if who.beard in ("full", "stubble"):
        w = who.head_width * 0.99
        jaw = [(-w, 0.18), (-w * 0.8, 0.36), (-0.40, y - 0.10 - lift), (-0.2, y - 0.14), (0, y - 0.12)]
        edge = curve([*jaw, *[(-x, py) for x, py in jaw[-2::-1]]])

        def fill():
            canvas.shape(head.points([*edge, (1.3, 0.2), (1.3, 1.5), (-1.3, 1.5), (-1.3, 0.2)]), color, alpha)

        canvas.clipped(head.outline(0.02), fill)
    if who.beard == "goatee":
        low = 0.99 + 0.10 * u.jaw_drop
        ring = [(-0.33, y - 0.03), (-0.2, y - 0.14), (0, y - 0.13), (0.2, y - 0.14), (0.33, y - 0.03), (0.3, low - 0.1)]
        canvas.shape(head.points(curve([*ring, (0, low), (-0.3, low - 0.1)], closed=True), 1.05), color, alpha)
    if who.beard == "moustache":
        wing = [(0, y - 0.16), (0.18, y - 0.15), (0.36, y + 0.0 - lift), (0.2, y - 0.05), (0, y - 0.07)]
        canvas.shape(head.points(curve([*wing, *[(-x, py) for x, py in wing[-2:0:-1]]], closed=True), 1.1), color)


def draw_glasses(canvas: Canvas, head: Head) -> None:
    """Draws frames and lenses."""
    who = head.who
    if who.glasses == "none":
        return
    x, w, h = who.eye_distance + 0.01, 0.275, 0.225
    for side in (-1, 1):
        if who.glasses == "round":
            lens = ellipse(side * x, 0.03, w * 0.93, h * 1.1)
        else:
            box = [
                (-1, -0.75),
                (-0.7, -0.95),
                (0.7, -0.95),
                (1, -0.75),
                (0.92, 0.6),
                (0.6, 0.95),
                (-0.6, 0.95),
                (-0.92, 0.6),
            ]
            lens = curve([(side * x + w * a, 0.03 + h * b) for a, b in box], closed=True)
        canvas.shape(head.points(lens, 1.15), (236, 246, 255), 0.16)
        rim = lens if who.glasses != "halfrim" else curve([(side * x + w * a, 0.03 + h * b) for a, b in box[:4]])
        rim = np.concatenate([rim, rim[:1]]) if who.glasses != "halfrim" else rim
        canvas.line(head.points(rim, 1.15), 0.04 if who.glasses != "halfrim" else 0.055, who.frame)
        canvas.line(
            [head.at(side * (x + w * 0.95), -0.06, 1.15), head.at(side * (who.head_width + 0.0), -0.04, 0)],
            0.035,
            who.frame,
        )
    canvas.line(head.points(curve([(-0.08, 0.0), (0, -0.035), (0.08, 0.0)]), 1.25), 0.04, who.frame)


def draw_tears(canvas: Canvas, head: Head) -> None:
    """Draws a tear on each cheek."""
    u, who = head.units, head.who
    if u.tears < 0.2:
        return
    for side, long in ((-1, 0.40), (1, 0.28)):
        x, y = side * (who.eye_distance + 0.02), who.eye_height * 0.75
        path = curve([(x, y), (x + side * 0.03, y + 0.5 * long), (x + side * 0.02, y + long)])
        canvas.line(head.points(path), (0.035, 0.05, 0.075), (150, 200, 240), 0.85)
        drop = head.at(x + side * 0.02, y + long + 0.02)
        canvas.blob(*drop, 0.055, 0.07, (140, 196, 242), 0.95)
        canvas.blob(drop[0] - 0.015, drop[1] - 0.015, 0.018, 0.022, WHITE, 0.95)
