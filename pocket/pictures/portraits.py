"""Portraits of drawn people with their labels: person, expression, box, landmarks, gender and age."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from mirror.progress_bar import progress_bar
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw, find_landmarks
from pocket.drawing.identities import Identity
from pocket.seeds import stable_seed

FEW = 64  # pictures up to which drawing in this process is faster than starting others


@dataclass(frozen=True)
class Portraits:
    """`n` square pictures of one face each.

    Attributes:
        images: [n, size, size, 3] uint8, RGB.
        boxes: [n, 4] float32, left, top, right, bottom in pixels.
        points: [n, 5, 2] float32, x and y of eyes, nose and corners of the mouth in pixels, as in `Landmarks`.
        persons: [n] int64, index of the person.
        expressions: [n] int64, index of the expression in `EXPRESSIONS`.
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
        """Side of the pictures in pixels."""
        return self.images.shape[1]


def draw_portraits(family: str, persons: int, moments: int, size: int, seed: int) -> Portraits:
    """Draws `moments` pictures of each of `persons` people, on all cores.

    Args:
        family: Name of a set of people. Different families (e.g. training and evaluation) and seeds share nobody.
        persons: Number of people.
        moments: Pictures per person. They show different expressions, which repeat once all twelve were shown.
        size: Side of the pictures in pixels.
        seed: Seed of people and pictures.
    """
    tasks = [(family, seed, person, moment, size) for person in range(persons) for moment in range(moments)]
    if len(tasks) <= FEW:
        drawn = list(map(_draw, tasks))
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
            drawn = []
            with progress_bar(family, "faces", len(tasks)) as bar:
                for face in pool.map(_draw, tasks, chunksize=50):
                    drawn.append(face)
                    bar.update()
    columns = [np.stack(column) for column in zip(*drawn, strict=True)]
    return Portraits(*columns)


def identity_of(family: str, seed: int, person: int) -> Identity:
    """Returns person number `person` of a family."""
    return Identity.from_seed(stable_seed("portrait", family, seed, person))


def _draw(task: tuple[str, int, int, int, int]) -> tuple:
    family, seed, person, moment, size = task
    who = identity_of(family, seed, person)
    # 5 and 12 are coprime: all expressions are shown before one repeats.
    number = (person + 5 * moment) % len(EXPRESSIONS)
    expression = list(EXPRESSIONS.values())[number]
    moment_seed = stable_seed("portrait's moment", family, seed, person, moment)
    image = np.asarray(draw(who, expression, moment_seed, size))
    where = find_landmarks(who, expression, moment_seed, size)
    return (
        image,
        where.box.astype(np.float32),
        where.points.astype(np.float32),
        np.int64(person),
        np.int64(number),
        np.bool_(who.gender == "man"),
        np.float32(who.age),
    )
