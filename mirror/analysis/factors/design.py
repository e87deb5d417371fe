"""The factors that arms carry, and the 2 × 2 designs among them.

An arm is one cell: a model (its kind, size and base), a variant of prompts (cot), and what the counselor sees of the
face. Two factors interact if the difference between two levels of one depends on the level of the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

from mirror.counseling.settings import MODELS
from mirror.transcripts.arm import Arm

NOT_SHOWN = "not shown"  # the level of the factor face for a model that gets no picture
Cell = tuple[str, str, str]  # the levels of FACTORS


class Design(NamedTuple):
    """Two levels of two factors, with the arms of the four cells; the arms agree in the third factor.

    Attributes:
        factor, level, other_level: a factor with a level and the level that it is compared with.
        by, by_level, by_other: the same of the second factor.
        cells: the arms (level, by_level), (level, by_other), (other_level, by_level), (other_level, by_other).
        within: the level of the third factor, which all four share.
    """

    factor: str
    level: str
    other_level: str
    by: str
    by_level: str
    by_other: str
    cells: tuple[str, str, str, str]
    within: str


FACTORS = ("model", "cot", "face")


def cell_of(arm: Arm) -> Cell:
    """Returns the levels of an arm: its model, its cot, and what it sees of the face."""
    model, settings = arm.counselor.split(", ")[0], arm.settings
    base = _own_base(settings)
    sees = settings.get("sees_face", True)
    return f"{model} ({base})" if base else model, str(settings["cot"]), arm.face if sees else NOT_SHOWN


def _own_base(settings: Mapping[str, Any]) -> str:
    """The base model if it is not the usual one of its size; empty for chat models, and if the model is named by it."""
    base = settings.get("base_model") if settings.get("size") != "other" else ""
    usual = MODELS.get(str(settings.get("size")), {}).get("base_model")
    return str(base) if base and base != usual and settings.get("counselor") != "openai" else ""


def designs(arms: Sequence[Arm], reference: str = "") -> list[Design]:
    """Finds the 2 × 2 designs: each level of a factor is compared with that factor's first level.

    Args:
        arms: in order; arms with the same levels as another arm are in no design.
        reference: the folder's name of the arm whose levels come first; empty: the first arm.
    """
    first = sorted(arms, key=lambda arm: arm.folder.name != reference)
    names = {cell: [arm.name for arm in first if cell_of(arm) == cell] for cell in map(cell_of, first)}
    cells = {cell: of[0] for cell, of in names.items() if len(of) == 1}
    return [design for pair in combinations(range(len(FACTORS)), 2) for design in _designs(cells, *pair)]


def same_levels(arms: Sequence[Arm]) -> list[list[str]]:
    """Returns the groups of arms that have the same levels of all factors."""
    groups: dict[Cell, list[str]] = {}
    for arm in arms:
        groups.setdefault(cell_of(arm), []).append(arm.name)
    return [names for names in groups.values() if len(names) > 1]


def _designs(cells: Mapping[Cell, str], one: int, two: int) -> Iterator[Design]:
    (rest,) = {0, 1, 2} - {one, two}
    for within in dict.fromkeys(cell[rest] for cell in cells):
        found = {(cell[one], cell[two]): name for cell, name in cells.items() if cell[rest] == within}
        levels, by_levels = (list(dict.fromkeys(pair[place] for pair in found)) for place in (0, 1))
        for level, by in product(levels[1:], by_levels[1:]):
            four = [(level, by), (level, by_levels[0]), (levels[0], by), (levels[0], by_levels[0])]
            if all(pair in found for pair in four):
                a, b, c, d = (found[pair] for pair in four)
                yield Design(FACTORS[one], level, levels[0], FACTORS[two], by, by_levels[0], (a, b, c, d), within)
