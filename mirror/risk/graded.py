"""Reads the words of sessions for risk, by kind and degree.

Reads by the phrases of `lexicon.yaml`, which building drops screenplays by, and by those of `graded.yaml`, which also
knows hints and grades what it finds. Knows words, not meanings.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.risk.flag import Flag
from mirror.risk.lexicon import RiskLexicon, phrases

DATA = Path(__file__).with_name("graded.yaml")
DEGREES = ("hint", "passive", "active", "plan")  # from the mildest
UNGRADED = "active"  # the degree of a sign of `lexicon.yaml` alone


class GradedLexicon:
    """Finds signs of risk and says how far they go: at most one flag of a kind per text, the gravest."""

    name = "graded lexicon"

    def __init__(self) -> None:
        self._lexicon = _lexicon()

    def flags(self, text: str) -> tuple[Flag, ...]:
        """The gravest sign of each kind in one text, in the order of the kinds; a graded sign precedes others."""
        gravest: dict[str, tuple[int, Flag]] = {}
        for found in self._lexicon.flags(text):
            kind, _, degree = found.kind.partition(" ")
            rank = DEGREES.index(degree) if degree else -1
            if kind not in gravest or rank > gravest[kind][0]:
                gravest[kind] = (rank, Flag(kind, found.words, degree or UNGRADED))
        kinds = _read()["kinds"]
        return tuple(gravest[kind][1] for kind in kinds if kind in gravest)

    def read(self, texts: Sequence[str]) -> list[tuple[Flag, ...]]:
        """The signs of risk in each text; the same text is read once."""
        found = {text: self.flags(text) for text in set(texts)}
        return [found[text] for text in texts]


@cache
def _read() -> Any:
    return strict_yaml(read_text(DATA))


@cache
def _lexicon() -> RiskLexicon:
    """Both tables as one; a kind of it is `<kind>` of `lexicon.yaml` or `<kind> <degree>` of `graded.yaml`."""
    common, graded = phrases(), _read()
    kinds: dict[str, Mapping[str, Any]] = {}
    for kind, entry in graded["kinds"].items():
        known = common["kinds"][kind]
        harmless = [*known.get("harmless", []), *entry.get("harmless", [])]
        kinds[kind] = {"signs": known["signs"], "harmless": harmless}
        kinds |= {f"{kind} {degree}": {"signs": entry[degree], "harmless": harmless} for degree in DEGREES}
    return RiskLexicon({**common, "words": {**common["words"], **graded["words"]}, "kinds": kinds})
