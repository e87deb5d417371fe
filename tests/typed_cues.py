"""Measures how cues that people typed fare at pocket size: read, painted and verified with the real pocket models.

    python -m tests.typed_cues                                        # the hundred of tests/data/typed_cues.txt
    python -m tests.typed_cues tests/data/typed_cues_heldout.txt      # another list
    python -m tests.typed_cues --report cues.md                       # one row per cue, too

A list has one cue per line. Beside it may stand `<name>_meant.tsv`: each cue, a tab, and the pocket faces that a person
would take for it, written by hand. Seeds are fixed: the same code gives the same table on one machine.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import face_request
from mirror.faces.casting import build_painter, build_verifier
from mirror.faces.description import Description, DescriptionRequest, LexiconDescriber
from mirror.faces.rejection_sampling import ShownFace, show_faces
from mirror.paths import input_path
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation
from pocket.texts.wordings import nearest

CONFIGURATION = "params/counsel/pocket-llava.yaml"
CUES = "tests/data/typed_cues.txt"
CLIENTS = 8  # portraits, in rotation
SEED = 42


@dataclass(frozen=True)
class Outcome:
    """What became of one cue.

    Attributes:
        family: the pocket face that is nearest to what was read.
        meant: whether a person would take that face for the cue; None where nobody has said.
    """

    cue: str
    description: Description
    family: str
    meant: bool | None
    face: ShownFace

    @property
    def accepted_at(self) -> int | None:
        """The number of the accepted attempt; None where none was."""
        return None if self.face.exhausted else self.face.chosen.number


def read_cues(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_meant(path: Path) -> dict[str, set[str]]:
    """The faces that a person would take for each cue; empty where there is no such file."""
    if not path.is_file():
        return {}
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {cue: set(families.split()) for cue, families in rows}


def measure(cues: list[str], meant: dict[str, set[str]]) -> list[Outcome]:
    """Reads, paints and verifies every cue, each with one of eight clients' portraits."""
    settings = CounselSettings.from_file(input_path(CONFIGURATION))
    verifier = build_verifier(settings, "cpu")
    painter = build_painter(settings, "cpu", torch.float32, verifier.identity.pack)
    profiles = read_profiles(input_path(settings.table), input_path(settings.portraits))[:CLIENTS]
    outcomes = []
    for number, cue in enumerate(cues):
        utterance = Utterance(cue, "")
        (description,) = LexiconDescriber().describe([DescriptionRequest("", utterance)])
        conversation = Conversation(profiles[number % len(profiles)], (), seed_for(SEED, "typed cue", number))
        request = face_request(conversation, utterance, description)
        (face,) = show_faces(painter, verifier, [request], settings.attempts)
        family = nearest(description.relevance_text.split()[-2])  # `slightly sad look`
        fits = family in meant[cue] if cue in meant else None
        outcomes.append(Outcome(cue, description, family, fits, face))
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """The shares, as Markdown."""
    n = len(outcomes)
    read = sum(not one.description.fallback for one in outcomes)
    known = [one.meant for one in outcomes if one.meant is not None]
    rows = [
        ("read by the lexicon", read, n),
        ("accepted at once", sum(one.accepted_at == 1 for one in outcomes), n),
        ("accepted within ten attempts", sum(one.accepted_at is not None for one in outcomes), n),
    ]
    if known:
        rows.append(
            (
                "read, and as a face that a person would take for it",
                sum(bool(one.meant) and not one.description.fallback for one in outcomes),
                len(known),
            )
        )
    lines = ["| share of cues | n | % |", "| --- | ---: | ---: |"]
    return "\n".join(lines + [f"| {what} | {count} of {of} | {100 * count / of:.0f} |" for what, count, of in rows])


def report(outcomes: list[Outcome]) -> str:
    """One row per cue, as Markdown."""
    lines = ["| cue | read as | pocket face | fits | accepted at | rejected |", "| --- | --- | --- | --- | --- | --- |"]
    for one in outcomes:
        read = "(nothing)" if one.description.fallback else one.description.expression.split(", ")[0]
        fits = {True: "yes", False: "no", None: ""}[one.meant]
        rejected = Counter(a.verdict.outcome for a in one.face.attempts if not a.verdict.accepted)
        told = ", ".join(f"{count} {outcome}" for outcome, count in rejected.items())
        lines.append(f"| {one.cue} | {read} | {one.family} | {fits} | {one.accepted_at or 'none'} | {told} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cues", nargs="?", type=Path, default=input_path(CUES))
    parser.add_argument("--report", type=Path, help="file for one row per cue")
    arguments = parser.parse_args()
    outcomes = measure(
        read_cues(arguments.cues), read_meant(arguments.cues.with_name(f"{arguments.cues.stem}_meant.tsv"))
    )
    if arguments.report:
        arguments.report.write_text(f"{table(outcomes)}\n\n{report(outcomes)}\n", encoding="utf-8")
    print(table(outcomes))


if __name__ == "__main__":
    main()
