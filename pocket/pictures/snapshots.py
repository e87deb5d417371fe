"""Small pictures of drawn people, in few colors, so that a repository can hold many of them."""

from PIL import Image

from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.drawing.identities import Identity

SIZE = 112  # side in pixels
COLORS = 160  # of the palette


def take_snapshot(identity: Identity, expression: str, moment: int) -> Image.Image:
    """Draws a person as a palette image of `SIZE` pixels a side.

    Args:
        identity: Who is drawn.
        expression: A name in `EXPRESSIONS`.
        moment: Seed of the exact intensities, the pose, the light and the background.
    """
    return draw(identity, EXPRESSIONS[expression], moment, SIZE).quantize(COLORS, dither=0)
