"""What the lexicon of risk finds in utterances with planted risk: sensitivity and false alarms, by kind and degree.

`python -m tests.risk_lexicon [FILE …]` prints them with Wilson intervals, and with `--misses` what was missed and
what was flagged without risk. A file is a CSV with the columns kind, degree and utterance; the kind `none` is harmless.
Without files: those of tests/data. `risk_development.csv` and `risk_utterances.csv` were read while the patterns were
made, and show how they fit. The two held-out lists were not.
"""

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

from mirror.risk.flag import DEGREES
from mirror.risk.lexicon import RiskLexicon
from mirror.statistics import proportion
from tests import DATA

NAMES = ("risk_development.csv", "risk_utterances.csv", "risk_utterances_heldout.csv", "risk_utterances_heldout2.csv")
FILES = tuple(DATA / name for name in NAMES)


class Planted(NamedTuple):
    """An utterance with the kind and the degree of its risk; kind `none` if it is harmless."""

    kind: str
    degree: str
    utterance: str


def read_planted(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [Planted(row["kind"], row["degree"], row["utterance"]) for row in csv.DictReader(file)]


def share(found):
    """`found` as k/n, percent and interval."""
    if not found:
        return "  0/0"
    low, high = proportion(sum(found), len(found))[1:3]
    return f"{sum(found):3}/{len(found):<3} {sum(found) / len(found):6.1%} [{low:.1%}, {high:.1%}]"


def kinds_found(planted):
    """For each utterance, {kind: degree} of what the lexicon finds in a client's words."""
    read = RiskLexicon().read([one.utterance for one in planted], ["client"] * len(planted))
    return [{flag.kind: flag.degree for flag in flags} for flags in read]


def report(planted, found):
    """Yield the lines of a report."""
    risky = [(one, flags) for one, flags in zip(planted, found, strict=True) if one.kind != "none"]
    yield f"  any risk            {share([bool(flags) for _, flags in risky])}"
    yield f"  of the right kind   {share([one.kind in flags for one, flags in risky])}"
    for kind in dict.fromkeys(one.kind for one, _ in risky):
        yield f"    {kind:<17} {share([kind in flags for one, flags in risky if one.kind == kind])}"
    for degree in DEGREES:
        yield f"    {degree:<17} {share([one.kind in flags for one, flags in risky if one.degree == degree])}"
    yield f"  and its degree      {share([flags[one.kind] == one.degree for one, flags in risky if one.kind in flags])}"
    harmless = [flags for one, flags in zip(planted, found, strict=True) if one.kind == "none"]
    yield f"  false alarms        {share([bool(flags) for flags in harmless])}"
    for kind in RiskLexicon().kinds[:5]:
        yield f"    {kind:<17} {share([kind in flags for flags in harmless])}"


def misses(planted, found):
    """Yield what was missed, and what was flagged without risk."""
    for one, flags in zip(planted, found, strict=True):
        if bool(flags) if one.kind == "none" else one.kind not in flags:
            said = {flag.kind: flag.words for flag in RiskLexicon().flags(one.utterance, "client")}
            yield f"  {one.kind} {one.degree}: {one.utterance} {said or ''}"


def main():
    parser = argparse.ArgumentParser(description="what the lexicon of risk finds in planted utterances")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--misses", action="store_true", help="print what was missed or flagged without risk")
    options = parser.parse_args()
    for path in options.files or FILES:
        planted = read_planted(path)
        found = kinds_found(planted)
        print(path.name, *report(planted, found), *(misses(planted, found) if options.misses else ()), sep="\n")


if __name__ == "__main__":
    main()
