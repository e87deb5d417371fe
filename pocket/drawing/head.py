"""The geometry of a head at one moment: outline, and the displacement of points by turn and nod."""

from dataclasses import dataclass

import numpy as np

from pocket.drawing.canvas import Color, Points, curve, mix
from pocket.drawing.expressions import ActionUnits
from pocket.drawing.identities import Identity


@dataclass(frozen=True)
class Head:
    """A person's head with the action units of one moment."""

    who: Identity
    units: ActionUnits

    def at(self, x: float, y: float, depth: float = 1.0) -> tuple[float, float]:
        """Displaces a point by the head's turn and nod; `depth` is 1 on the face, more in front of it, less behind."""
        turn = self.units.head_turn
        return x * (1 - 0.10 * abs(turn)) + 0.17 * turn * depth, y + 0.10 * self.units.head_down * depth

    def points(self, points: Points, depth: float = 1.0) -> np.ndarray:
        """Displaces points [n, 2] like `at`."""
        p = np.asarray(points, dtype=float)
        return np.stack(self.at(p[:, 0], p[:, 1], depth), axis=1)

    def outline(self, grow: float = 0.0) -> np.ndarray:
        """Returns the head's outline [n, 2], enlarged by `grow`; the jaw follows the mouth."""
        who, u = self.who, self.units
        w, j = who.head_width + grow, who.jaw_width + grow
        chin = 0.98 + 0.10 * u.jaw_drop - 0.02 * u.chin_up + grow
        half = [(0, -0.98 - grow), (0.40 * w / 0.74, -0.90 - grow), (0.92 * w, -0.52), (w, -0.05), (0.94 * w, 0.34)]
        half += [(j + 0.02, 0.68), (who.chin + grow / 2, chin - 0.035)]
        ring = [*half, (0, chin), *[(-x, y) for x, y in half[:0:-1]]]
        turned = [self.at(x, y, 0.25 if y < 0.2 else 0.25 + 0.4 * (y - 0.2)) for x, y in ring]
        return curve(turned, closed=True)

    def shade(self, share: float) -> Color:
        """Returns the color of the skin with a `share` (0 … 1) of shadow."""
        return mix(self.who.skin, self.who.shadow, share)
