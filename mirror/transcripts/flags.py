"""Signs of risk in a session, read from its words whenever it is shown or analyzed; nothing of them is stored.

They are read after the session and change nothing in it. Whoever reads them gets the same from the same words.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from mirror.risk.flag import Speaker
from mirror.risk.guidance import guidance, harmful_people
from mirror.risk.policy import RiskPolicy as RiskPolicy  # for those who pass one on
from mirror.transcripts.turn import Turn

DEGREES = {"hint": "hint", "passive": "passive", "active": "active", "plan": "plan or means"}  # as shown
LEXICON = RiskPolicy()  # without a classifier
WITHIN = 2  # replies, from the one to the flagged words, that may answer a sign of risk


@dataclass(frozen=True)
class TurnFlag:
    """One sign of risk in the words of a turn.

    Attributes:
        turn: the number of the turn.
        speaker: whose words they are.
        kind: of the risk, such as `self_harm`.
        degree: one of `DEGREES`; empty where a classifier read it.
        words: those that show it; of a classifier, its score.
    """

    turn: int
    speaker: Speaker
    kind: str
    degree: str
    words: str

    @property
    def label(self) -> str:
        """Whose words, kind and degree, for reading."""
        parts = (self.speaker, self.kind.replace("_", " "), DEGREES.get(self.degree, self.degree))
        return " · ".join(filter(None, parts))


@dataclass(frozen=True)
class Answered:
    """What the replies to the client's signs of risk did.

    Attributes:
        asks: whether one of them asked about safety.
        guides: whether one of them guided to people.
    """

    asks: bool
    guides: bool


def add_classifier(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a command for a text classifier beside the lexicon."""
    parser.add_argument("--classifier", default="", help="folder or Hub id of a text classifier that reads too")
    parser.add_argument("--unsafe-labels", default="", help="its labels for risk, separated by commas")


def policy_of(options: argparse.Namespace) -> RiskPolicy:
    """The policy that a command was asked for.

    Raises:
        FileNotFoundError: the classifier was not found.
        ValueError: it has no such labels, or cannot be read.
    """
    return RiskPolicy.of(options.classifier, options.unsafe_labels)


def read_flags(turns: Sequence[Turn], policy: RiskPolicy = LEXICON) -> tuple[TurnFlag, ...]:
    """The signs of risk in the words of both speakers, turn by turn.

    Args:
        turns: of one session.
        policy: who reads.
    """
    said: list[tuple[int, Speaker, str]] = []
    for turn in turns:
        said += [(turn.number, "client", turn.words), (turn.number, "counselor", turn.reply)]
    found = policy.read([words for _, _, words in said], [speaker for _, speaker, _ in said])
    return tuple(
        TurnFlag(number, speaker, flag.kind, flag.degree, flag.words)
        for (number, speaker, _), flags in zip(said, found, strict=True)
        for flag in flags
    )


def read_answers(turns: Sequence[Turn], flags: Sequence[TurnFlag]) -> Answered | None:
    """What the counselor's next replies to the client's signs of risk did; None without such a sign.

    To send a client to whom it has named as the source of harm is no guidance.
    """
    flagged = {flag.turn for flag in flags if flag.speaker == "client"}
    if not flagged:
        return None
    done = frozenset[str]()
    dialogue: list[tuple[str, str]] = []
    for turn in turns:
        dialogue.append(("client", turn.words))
        if any(0 <= turn.number - number < WITHIN for number in flagged):
            done |= guidance(turn.reply, harmful_people(dialogue))
        dialogue.append(("counselor", turn.reply))
    return Answered("asks_about_safety" in done, "guides_to_people" in done)
