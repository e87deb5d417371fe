"""A stock of drawn faces with the truth about them: whose, where, which gender and age. Knows nothing of any model."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw, find
from pocket.drawing.identities import Identity
from pocket.seeds import stable_seed

FEW = 64  # pictures that are drawn sooner than processes start


@dataclass(frozen=True)
class Portraits:
    """`n` square pictures, each of one face.

    Attributes:
        images: [n, size, size, 3] uint8, RGB.
        boxes: [n, 4] float32, left, top, right, bottom in pixels.
        points: [n, 5, 2] float32, x and y of eyes, nose and corners of the mouth in pixels (see `pocket.drawing.faces`).
        persons: [n] int64, the number of the person.
        expressions: [n] int64, the number of the expression.
        men: [n] bool.
        ages: [n] float32, years.
    """

    images: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    persons: np.ndarray
    expressions: np.ndarray
    men: np.ndarray
    ages: np.ndarray

    @property
    def size(self) -> int:
        return self.images.shape[1]


def draw_portraits(family: str, persons: int, moments: int, size: int, seed: int) -> Portraits:
    """`moments` pictures of each of `persons` people, of other expressions each time; on all cores.

    People of different families (e.g. those to learn from, those to be measured on) or seeds are not the same. The
    first pictures of a person show different expressions; after all of them were shown they come again.
    """
    tasks = [(family, seed, person, moment, size) for person in range(persons) for moment in range(moments)]
    if len(tasks) <= FEW:
        drawn = list(map(_draw, tasks))
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
            drawn = list(tqdm(pool.map(_draw, tasks, chunksize=50), total=len(tasks), desc=family, unit="face"))
    columns = [np.stack(column) for column in zip(*drawn, strict=True)]
    return Portraits(*columns)


def identity_of(family: str, seed: int, person: int) -> Identity:
    """The person with a number in a family of a seed."""
    return Identity.from_seed(stable_seed("portrait", family, seed, person))


def _draw(task: tuple[str, int, int, int, int]) -> tuple:
    family, seed, person, moment, size = task
    who = identity_of(family, seed, person)
    # 5 and 12 have no common divisor: all expressions come before one comes again.
    number = (person + 5 * moment) % len(EXPRESSIONS)
    expression = list(EXPRESSIONS.values())[number]
    moment_seed = stable_seed("portrait's moment", family, seed, person, moment)
    image = np.asarray(draw(who, expression, moment_seed, size))
    where = find(who, expression, moment_seed, size)
    return (
        image,
        where.box.astype(np.float32),
        where.points.astype(np.float32),
        np.int64(person),
        np.int64(number),
        np.bool_(who.gender == "man"),
        np.float32(who.age),
    )
