"""Draws hair, headscarf, neck and clothes; of the action units only the head's pose and the jaw matter here."""

import numpy as np

from pocket.drawing.canvas import Canvas, curve, ellipse, mix
from pocket.drawing.head import Head
from pocket.drawing.identities import Identity

WHITE = (250, 248, 246)
DARK = (30, 20, 26)


def draw_hair_behind(canvas: Canvas, head: Head) -> None:
    """Draws the hair behind neck and head."""
    who = head.who
    style, w, v = who.hairstyle, who.head_width, who.hair_volume
    color = mix(who.hair, DARK, 0.22)
    lengths = {"long": 1.32, "waves": 1.25, "bob": 0.72, "fringe": 0.98}
    if style in lengths:
        if who.gender == "man":
            lengths["long"] = 0.85
        end, x = lengths[style], w + 0.08 + v
        side = [(0, -1.05 - v), (0.62 * x, -0.92 - v), (x, -0.45), (x + 0.04, 0.1), (x + 0.03, end - 0.25)]
        side += [(x - 0.06, end), (0.3, end + 0.02)]
        if style == "waves":
            side[3:5] = [(x + 0.10, -0.05), (x + 0.0, 0.25), (x + 0.13, 0.55), (x + 0.02, 0.85), (x + 0.10, 1.08)]
        canvas.shape(head.points(curve([*side, *[(-a, b) for a, b in side[:0:-1]]], closed=True), 0.0), color)
    elif style == "curls":
        for t in np.linspace(0.62, 2.38, 17) * np.pi if who.gender == "woman" else np.linspace(0.95, 2.05, 12) * np.pi:
            x, y = (w + 0.02) * np.cos(t), -0.28 + (0.78 + v) * np.sin(t)
            canvas.blob(*head.at(x, y, 0.0), 0.26, 0.26, color)
    elif style == "bun":
        canvas.blob(*head.at(0, -1.16 - v, 0.0), 0.30, 0.24, color)
        canvas.blob(*head.at(-0.05, -1.19 - v, 0.0), 0.20, 0.13, mix(who.hair, WHITE, 0.10), 0.6)
    elif style == "ponytail":
        k = 1 if who.parting > 0 else -1
        tail = [
            (0.35 * k, -0.95),
            (1.0 * k, -0.75),
            (1.12 * k, -0.1),
            (0.98 * k, 0.7),
            (0.85 * k, 0.2),
            (0.72 * k, -0.3),
        ]
        canvas.shape(head.points(curve(tail, closed=True), 0.0), color)
    elif style == "headscarf":
        x = w + 0.12
        side = [(0, -1.12), (0.66 * x, -0.98), (x, -0.45), (x + 0.02, 0.3), (0.8 * x, 0.95), (0.85 * x, 1.5)]
        canvas.shape(head.points(curve([*side, *[(-a, b) for a, b in side[:0:-1]]], closed=True), 0.0), color)


def draw_hair_before(canvas: Canvas, head: Head) -> None:
    """Draws the hair in front of the head."""
    who = head.who
    if who.hairstyle == "bald":
        canvas.glow(*head.at(0.2, -0.72, 0.6), 0.3, WHITE, 0.35)
        if who.age > 45:
            for k in (-1, 1):
                ring = [(k * (who.head_width + 0.03), -0.42), (k * (who.head_width + 0.05), -0.1)]
                canvas.line(
                    head.points(curve([*ring, (k * (who.head_width - 0.03), 0.1)]), 0.1), (0.05, 0.13, 0.05), who.hair
                )
        return
    hairline = _hairline(who)
    w, v = who.head_width, who.hair_volume
    top = [(w + 0.02, hairline[-1][1]), (w + 0.05, -0.42), (0.80 * w + 0.05, -0.83 - 0.5 * v)]
    crown = [*top, (0.40, -1.02 - v), (0, -1.07 - v)]
    outer = [*crown, *[(-x, y) for x, y in crown[-2::-1]]]
    if who.hairstyle == "quiff":
        k = 1 if who.parting > 0 else -1
        outer = [*top, (0.38, -1.08 - v), (0.28 * k, -1.20 - v), *[(-x, y) for x, y in [(0.38, -1.04 - v), *top[::-1]]]]
    # The middle of the hairline has more depth than its ends, so that they stay on the outer edge of a turned head.
    edge = [head.at(x, y, 0.7 - 0.55 * min(1.0, abs(x / w)) ** 2) for x, y in curve(hairline)]
    cap = np.concatenate([head.points(curve(outer), 0.15), edge])
    canvas.shape(cap, who.hair)
    if who.hairstyle == "curls":
        span = (1.05, 1.95)
        for t in np.linspace(*span, 9) * np.pi:
            x, y = (w - 0.08) * np.cos(t), -0.42 + (0.52 + v) * np.sin(t)
            canvas.blob(*head.at(x, y, 0.4), 0.19, 0.18, who.hair)
        for t in np.linspace(1.15, 1.85, 6) * np.pi:
            x, y = (w - 0.16) * np.cos(t), -0.46 + (0.5 + v) * np.sin(t)
            canvas.line(head.points(ellipse(x, y, 0.08, 0.08, 12)[1:8], 0.4), 0.025, mix(who.hair, WHITE, 0.3), 0.5)

    def shine():
        k = 1 if who.parting > 0 else -1
        for dx in (0.0, 0.13):
            strand = [(k * (0.05 + dx), -1.0), (k * (0.30 + dx), -0.86), (k * (0.48 + dx), -0.6)]
            canvas.line(head.points(curve(strand), 0.4), (0.01, 0.05, 0.01), mix(who.hair, WHITE, 0.35), 0.55)
        strand = [(-k * 0.1, -0.98), (-k * 0.4, -0.85), (-k * 0.6, -0.55)]
        canvas.line(head.points(curve(strand), 0.4), (0.01, 0.04, 0.01), mix(who.hair, DARK, 0.45), 0.6)

    if who.hairstyle != "curls":
        canvas.clipped(cap, shine)


def _hairline(who: Identity) -> list[tuple[float, float]]:
    """Returns the hairline from the client's right temple over the forehead to the left one."""
    w, p = who.head_width, who.parting
    if who.hairstyle in ("side", "long", "waves", "bob"):
        low = -0.02 if who.hairstyle in ("bob", "waves", "long") and who.gender == "woman" else -0.25
        line = [
            (-w, low),
            (-w + 0.07, -0.35),
            (p - 0.30, -0.55),
            (p, -0.80),
            (p + 0.35, -0.60),
            (w - 0.07, -0.35),
            (w, low),
        ]
        if who.hairstyle == "side":
            k = 1 if p > 0 else -1
            sweep = [(p, -0.82), (p - k * 0.3, -0.58), (p - k * 0.62, -0.50), (-k * (w - 0.06), -0.30), (-k * w, low)]
            short = [(k * w, low), (k * (w - 0.05), -0.45), (k * (w - 0.2), -0.66)]
            line = [*short, *sweep][::-k]
        return line
    if who.hairstyle == "fringe":
        return [(-w, 0.05), (-w + 0.06, -0.38), (-0.38, -0.43), (0, -0.45), (0.38, -0.43), (w - 0.06, -0.38), (w, 0.05)]
    if who.hairstyle in ("bun", "ponytail"):
        return [
            (-w, -0.12),
            (-w + 0.09, -0.48),
            (-0.34, -0.70),
            (0, -0.75),
            (0.34, -0.70),
            (w - 0.09, -0.48),
            (w, -0.12),
        ]
    up = 0.06 if who.age > 45 and who.gender == "man" else 0.0
    return [(-w, -0.2), (-w + 0.06, -0.46), (-0.42, -0.64 - 2 * up), (0, -0.64 - up), (0.42, -0.64 - 2 * up)] + [
        (w - 0.06, -0.46),
        (w, -0.2),
    ]


def draw_headscarf(canvas: Canvas, head: Head) -> None:
    """Draws a scarf around the face, over brows and glasses."""
    who = head.who
    w, low = who.head_width, 0.95 + 0.08 * head.units.jaw_drop
    ring = [
        (0, -0.72),
        (0.45, -0.62),
        (w - 0.06, -0.2),
        (w - 0.05, 0.3),
        (who.jaw_width + 0.01, 0.70),
        (0.25, low - 0.03),
    ]
    face = curve([*ring, (0, low), *[(-x, y) for x, y in ring[:0:-1]]], closed=True)
    out = [(0, -1.12), (0.5, -1.04), (w + 0.10, -0.4), (w + 0.10, 0.4), (0.55, 1.12), (0, 1.34)]
    cloth = curve([*out, *[(-x, y) for x, y in out[-2:0:-1]]], closed=True)
    # A ring as one polygon: the outer edge in one direction, the inner edge in the other.
    canvas.shape(
        np.concatenate(
            [
                head.points(cloth, 0.1),
                head.points(cloth[:1], 0.1),
                head.points(face[:1], 0.6),
                head.points(face[::-1], 0.6),
            ]
        ),
        who.hair,
    )
    for y, x in ((-0.9, 0.3), (-0.8, 0.5)):
        fold = curve([(-x, y), (0, y - 0.1), (x, y)])
        canvas.line(head.points(fold, 0.4), (0.01, 0.04, 0.01), mix(who.hair, DARK, 0.35), 0.6)
    canvas.line(
        head.points(curve([(-0.5, 0.95), (0.05, 1.14), (0.6, 1.02)]), 0.2),
        (0.01, 0.045, 0.01),
        mix(who.hair, DARK, 0.35),
        0.7,
    )


def draw_clothes(canvas: Canvas, head: Head) -> None:
    """Draws neck, shoulders and clothes."""
    who = head.who
    neck = 0.33 if who.gender == "woman" else 0.42
    skin, shade = who.skin, head.shade(0.30)
    canvas.shape([(-neck, 0.5), (neck, 0.5), (neck + 0.03, 1.3), (0.3, 1.5), (-0.3, 1.5), (-neck - 0.03, 1.3)], skin)
    canvas.blob(0.10 * head.units.head_turn, 0.86, neck + 0.04, 0.30, shade, 0.75)
    wide = 1.02 if who.gender == "woman" else 1.2
    half = [(neck, 1.10), (0.62, 1.20), (wide, 1.42), (wide + 0.12, 2.0)]
    dip = {"round": 1.28, "v": 1.55, "collar": 1.45, "turtleneck": 1.0, "hood": 1.32}[who.neckline]
    dark, bright = mix(who.clothes, DARK, 0.25), mix(who.clothes, WHITE, 0.22)
    if who.neckline == "hood":
        canvas.shape(
            curve([(-0.75, 1.2), (-0.5, 0.98), (0, 0.93), (0.5, 0.98), (0.75, 1.2), (0, 1.5)], closed=True), dark
        )
        canvas.shape([(-neck + 0.02, 0.8), (neck - 0.02, 0.8), (neck, 1.3), (0, 1.5), (-neck, 1.3)], skin)
        canvas.blob(0.10 * head.units.head_turn, 0.86, neck + 0.02, 0.28, shade, 0.75)
    body = [*curve([(-x, y) for x, y in half[::-1]]), *curve([(-neck, 1.10), (0, dip), (neck, 1.10)]), *curve(half)]
    if who.neckline in ("v", "collar"):
        body = [*curve([(-x, y) for x, y in half[::-1]]), (0, dip), *curve(half)]
    canvas.shape(body, who.clothes)
    if who.neckline == "turtleneck":
        tube = [(-neck - 0.03, 0.98), (0, 1.05), (neck + 0.03, 0.98), (neck + 0.08, 1.2), (0, 1.3), (-neck - 0.08, 1.2)]
        canvas.shape(curve(tube, closed=True), bright)
    elif who.neckline == "collar":
        for k in (-1, 1):
            canvas.shape([(k * neck, 1.02), (k * (neck + 0.16), 1.16), (k * 0.26, 1.48), (0, 1.42)], bright)
    else:
        edge = [(-neck, 1.10), (0, dip), (neck, 1.10)]
        canvas.line(edge if who.neckline == "v" else curve(edge), 0.06, dark)
