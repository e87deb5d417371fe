"""Drawn faces for pre-training, of people in no fine-tuning set, with their action units and attributes as labels.

Half of the faces show a mixture of two expressions, so that the vision tower learns movements, not twelve classes.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
from random import Random

import numpy as np
import torch
from tqdm import tqdm

from pocket.drawing.expressions import EXPRESSIONS, ActionUnits, Expression
from pocket.drawing.faces import draw
from pocket.drawing.identities import HAIRSTYLES, Identity
from pocket.seeds import stable_seed, stream

CORES = 32  # starting more processes takes longer than it saves
FEW = 100  # faces up to which drawing in this process is faster than starting others
UNITS = len(fields(ActionUnits))
_STYLES = sorted({style for styles in HAIRSTYLES.values() for style in styles})


@dataclass(frozen=True)
class Stranger:
    """One pre-training face: a person, an expression and the seed of the moment."""

    identity: Identity
    expression: Expression
    moment: int

    @classmethod
    def from_seed(cls, seed: int, number: int, is_mixed: bool) -> "Stranger":
        """Returns stranger `number` of a seed, with one of the expressions or a mixture of two."""
        random = stream("stranger's expression", seed, number)
        expression = random.choice(list(EXPRESSIONS.values()))
        if is_mixed:
            expression = _mixture(expression, random.choice(list(EXPRESSIONS.values())), random)
        identity = Identity.from_seed(stable_seed("stranger", seed, number))
        return cls(identity, expression, stable_seed("stranger's moment", seed, number))

    @property
    def units(self) -> ActionUnits:
        """The action units as drawn."""
        return self.expression.instance(stable_seed("units", self.moment))

    def traits(self) -> list[float]:
        """Returns the action units, then the attributes: hair, gender, age, glasses, beard, colors."""
        who = self.identity
        marks = [float(who.hairstyle == style) for style in _STYLES]
        marks += [float(who.gender == "man"), who.age / 50, float(who.glasses != "none"), float(who.beard != "none")]
        marks += [channel / 255 for color in (who.skin, who.hair, who.clothes) for channel in color]
        return [*astuple(self.units), *marks]


@dataclass(frozen=True)
class Faces:
    """Pre-training faces with labels.

    Attributes:
        strangers: The faces' people and expressions.
        images: [n, size, size, 3] uint8, RGB.
        traits: [n, t] float32, standardized: `UNITS` action units, then attributes.
    """

    strangers: list[Stranger]
    images: np.ndarray
    traits: torch.Tensor


def draw_faces(count: int, size: int, seed: int, mixed: bool = True) -> Faces:
    """Draws `count` faces of different people on all cores; the result does not depend on the number of cores.

    If `mixed`, every second one shows a mixture of two expressions.
    """
    strangers = [Stranger.from_seed(seed, number, mixed and number % 2 == 1) for number in range(count)]
    if count <= FEW:
        images = np.stack([_draw(stranger, size) for stranger in strangers])
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(CORES, os.cpu_count() or 1), mp_context=spawn) as pool:
            drawn = pool.map(_draw, strangers, [size] * count, chunksize=50)
            images = np.stack(list(tqdm(drawn, total=count, desc="faces", unit="face", mininterval=2)))
    traits = torch.tensor([stranger.traits() for stranger in strangers])
    return Faces(strangers, images, (traits - traits.mean(0)) / (traits.std(0) + 1e-6))


def _draw(stranger: Stranger, size: int) -> np.ndarray:
    return np.asarray(draw(stranger.identity, stranger.expression, stranger.moment, size))


def _mixture(one: Expression, other: Expression, random: Random) -> Expression:
    """Takes each action unit from one of the two expressions, at a random intensity."""
    units = {
        field.name: getattr(random.choice((one, other)).units, field.name) * random.uniform(0.4, 1.0)
        for field in fields(ActionUnits)
    }
    return Expression("mixture", (), (), "", ActionUnits(**units))
