"""How far a painter's pictures are from the reference's of the same noise: what filters do not see, such as paleness.

A distance is no fault by itself: another distillation composes another picture from the same noise.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mirror.files.image_file import open_picture
from mirror.painting.attempts import AttemptRecord, Place


def distances(searches: Mapping[Place, Sequence[AttemptRecord]], reference: str, folder: Path) -> dict[Place, float]:
    """Compares first attempts with the reference's.

    Args:
        searches: the attempts by painter, client and expression.
        reference: the name of the painter that all are compared with.
        folder: that the attempts' files are relative to.

    Returns:
        The root mean square of the difference in gray levels, 0…255; NaN where one of the two was unsafe and not kept.
    """
    found = {}
    for (painter, client, expression), search in searches.items():
        own, other = search[0].file, searches[reference, client, expression][0].file
        is_kept = own is not None and other is not None
        found[painter, client, expression] = _distance(folder / f"{own}", folder / f"{other}") if is_kept else np.nan
    return found


def _distance(one: Path, other: Path) -> float:
    return float(np.sqrt(np.square(_pixels(one) - _pixels(other)).mean()))


def _pixels(path: Path) -> NDArray[np.float64]:
    return np.asarray(open_picture(path).convert("RGB"), np.float64)
