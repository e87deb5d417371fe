"""What the lexicons of risk find in utterances with planted risk: sensitivity and false alarms, by kind and degree.

`python -m tests.risk_lexicon [tests/data/risk_utterances.csv …]` prints them with Wilson intervals: of the lexicon that
building reads by (before), and of the graded one that sessions are read by (after). `risk_utterances.csv` was written
before the phrases, which were made with it in view: it shows how they fit. `risk_utterances_heldout.csv` was written
after them in other words: it shows what they are worth on words that they were not made for.
"""

import csv
import sys
from pathlib import Path
from typing import NamedTuple

from mirror.risk.graded import DEGREES, GradedLexicon
from mirror.risk.lexicon import RiskLexicon
from mirror.statistics import proportion
from tests import DATA

FILES = (DATA / "risk_utterances.csv", DATA / "risk_utterances_heldout.csv")
READERS = {"before": RiskLexicon, "after": GradedLexicon}


class Planted(NamedTuple):
    """An utterance with the kind and the degree of its risk; kind `none` if it is harmless."""

    kind: str
    degree: str
    utterance: str


def read_planted(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [Planted(**row) for row in csv.DictReader(file)]


def share(found):
    """`found` as k/n, percent and interval."""
    low, high = proportion(sum(found), len(found))[1:3]
    return f"{sum(found):3}/{len(found):<3} {sum(found) / len(found):6.1%} [{low:.1%}, {high:.1%}]"


def kinds_found(reader, planted):
    """For each utterance, {kind: degree} of what the reader finds; degree is empty where it grades none."""
    read = reader.read([one.utterance for one in planted])
    return [{flag.kind: flag.degree for flag in flags} for flags in read]


def report(planted, reader):
    """Yield the lines of a report."""
    found = kinds_found(reader, planted)
    risky = [(one, flags) for one, flags in zip(planted, found, strict=True) if one.kind != "none"]
    yield f"  any risk            {share([bool(flags) for _, flags in risky])}"
    yield f"  of the right kind   {share([one.kind in flags for one, flags in risky])}"
    for kind in dict.fromkeys(one.kind for one, _ in risky):
        yield f"    {kind:<17} {share([kind in flags for one, flags in risky if one.kind == kind])}"
    for degree in DEGREES:
        yield f"    {degree:<17} {share([one.kind in flags for one, flags in risky if one.degree == degree])}"
    if any(degree for flags in found for degree in flags.values()):
        graded = [flags[one.kind] == one.degree for one, flags in risky if one.kind in flags]
        yield f"  and its degree      {share(graded)}"
    harmless = [bool(flags) for one, flags in zip(planted, found, strict=True) if one.kind == "none"]
    yield f"  false alarms        {share(harmless)}"


def main():
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else filter(Path.is_file, FILES):
        planted = read_planted(path)
        for when, reader in READERS.items():
            print(f"{path.name}, {when} ({reader.name})", *report(planted, reader()), sep="\n")


if __name__ == "__main__":
    main()
