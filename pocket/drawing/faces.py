"""Draws a face: an identity with the action units of one moment.

Coordinates are those of `pocket.drawing.canvas`: half the height of a head is 1, the eyes are at y = 0.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pocket.drawing.canvas import Canvas, Color, curve, ellipse, mix
from pocket.drawing.expressions import Expression
from pocket.drawing.features import draw_brow, draw_eye, draw_nose
from pocket.drawing.hair import draw_clothes, draw_hair_before, draw_hair_behind, draw_headscarf
from pocket.drawing.head import Head
from pocket.drawing.identities import Identity
from pocket.drawing.mouth import DEPTH, Mouth, draw_mouth
from pocket.drawing.ornaments import draw_beard, draw_glasses, draw_marks, draw_tears
from pocket.seeds import stable_seed, stream

BACKGROUNDS = (
    (214, 226, 232),
    (232, 222, 208),
    (218, 230, 216),
    (230, 216, 222),
    (222, 218, 234),
    (236, 230, 206),
    (206, 222, 222),
    (226, 226, 226),
)
WHITE = (250, 248, 246)


@dataclass(frozen=True)
class Moment:
    """A person at one moment.

    Attributes:
        head: The head with its action units.
        background: Color behind the person.
        light: Direction of the light: -1 from the viewer's left, 1 from the right.
        x: Shift to the right in units.
        y: Shift down in units.
        tilt: Rotation in radians.
        scale: Size of the head.
    """

    head: Head
    background: Color
    light: int
    x: float
    y: float
    tilt: float
    scale: float

    @classmethod
    def of(cls, identity: Identity, expression: Expression, seed: int) -> "Moment":
        """Draws exact intensities, small changes of the pose, light and background from `seed`."""
        random = stream("moment", seed)
        units = expression.instance(stable_seed("units", seed))
        return cls(
            head=Head(identity, units),
            background=mix(random.choice(BACKGROUNDS), (200, 205, 210), random.uniform(0, 0.35)),
            light=random.choice((-1, 1)),
            x=random.uniform(-0.05, 0.05),
            y=random.uniform(0.03, 0.09) + 0.04 * units.head_down,
            tilt=0.16 * units.head_tilt + random.uniform(-0.03, 0.03),
            scale=random.uniform(1.0, 1.06),
        )


@dataclass(frozen=True)
class Landmarks:
    """Box and landmarks of a drawn face, in pixels from the picture's upper left corner.

    Attributes:
        box: [4] left, top, right, bottom of the face, from above the brows to the chin.
        points: [5, 2] x and y of the eyes (the viewer's left first), the tip of the nose, and the corners of the mouth
            (left first).
    """

    box: np.ndarray
    points: np.ndarray


def find_landmarks(identity: Identity, expression: Expression, seed: int, size: int = 112) -> Landmarks:
    """Returns box and landmarks of the face that `draw` draws with the same arguments."""
    moment = Moment.of(identity, expression, seed)
    head, canvas = moment.head, Canvas(size, moment.background)
    canvas.move(moment.x, moment.y, moment.tilt, moment.scale)
    mouth, eye = Mouth.of(head), identity.eye_distance
    points = [head.at(-eye, 0), head.at(eye, 0), head.at(0, identity.nose_length, 1.4)]
    points += [head.at(*mouth.left, DEPTH), head.at(*mouth.right, DEPTH)]
    outline = head.outline()
    face = canvas.pixels(outline[outline[:, 1] > -0.6])
    return Landmarks(np.concatenate([face.min(0), face.max(0)]), canvas.pixels(points))


def draw(identity: Identity, expression: Expression, seed: int, size: int = 112) -> Image.Image:
    """Draws a person's face with an expression.

    Args:
        identity: The person.
        expression: The expression.
        seed: Seed of the moment: exact intensities, pose, light and background.
        size: Side of the picture in pixels.

    Returns:
        An RGB image.
    """
    moment = Moment.of(identity, expression, seed)
    head, light, background = moment.head, moment.light, moment.background
    x, y, tilt, scale = moment.x, moment.y, moment.tilt, moment.scale
    canvas = Canvas(size, background)
    canvas.glow(0.75 * light, -0.7, 2.2, mix(background, WHITE, 0.7), 0.8)

    canvas.move(x, y, tilt, scale)
    draw_hair_behind(canvas, head)
    canvas.move(x, y, 0.35 * tilt, scale)
    draw_clothes(canvas, head)
    canvas.move(x, y, tilt, scale)
    _skull(canvas, head, light)
    draw_marks(canvas, head)
    draw_beard(canvas, head)
    draw_nose(canvas, head, light)
    draw_mouth(canvas, head)
    for side in (-1, 1):
        draw_eye(canvas, head, side)
    scarf = identity.hairstyle == "headscarf"
    if not scarf:
        draw_hair_before(canvas, head)
    for side in (-1, 1):
        draw_brow(canvas, head, side)
    draw_glasses(canvas, head)
    draw_tears(canvas, head)
    if scarf:
        draw_headscarf(canvas, head)
    return canvas.finish()


def _skull(canvas: Canvas, head: Head, light: int) -> None:
    who, u = head.who, head.units
    for side in (-1, 1):
        x, y = head.at(side * (who.head_width + 0.01), 0.08, -0.1)
        canvas.blob(x, y, who.ear * 0.72, who.ear * 1.25, head.shade(0.10))
        canvas.blob(x + side * 0.012, y, who.ear * 0.4, who.ear * 0.8, head.shade(0.22))
        if who.earrings:
            canvas.blob(x, y + who.ear * 1.35, 0.045, 0.045, (232, 196, 96))
    outline = head.outline()
    canvas.shape(outline, who.skin)

    def shadow():
        away = curve([(-0.55 * light, -1.3), (-0.62 * light, 0), (-0.38 * light, 0.75), (0, 1.4)])
        far = [(-2.0 * light, 1.4), (-2.0 * light, -1.3)]
        canvas.shape([*away, *far], head.shade(0.35), 0.22)
        canvas.shape(head.points(ellipse(0, -0.95, 0.9, 0.42)), head.shade(0.35), 0.12)

    canvas.clipped(outline, shadow)
    for side in (-1, 1):
        x, y = head.at(side * 0.43, 0.33 - 0.05 * u.cheek_up)
        canvas.glow(x, y, 0.42, (226, 84, 84), 0.16 + 0.34 * u.flush)
