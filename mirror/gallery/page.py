"""A page of the gallery: sessions with their faces, verdicts, captions, plans and ratings.

The file is self-contained: its content security policy forbids network access and any script but its own. Jinja
escapes all text. Sessions are stored as inert `<template>` elements and rendered when opened, so that hundreds of them
load fast.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from mirror.gallery.session_view import Pictures, ShownRating, session_view
from mirror.html_page import NOTICE, content_policy
from mirror.transcripts.arm import Arm
from mirror.transcripts.flags import LEXICON, RiskPolicy, read_flags
from mirror.transcripts.session_folder import SessionFolder

HERE = Path(__file__).parent
OUTCOMES = {  # of a session, with the labels of the filters, in order
    "client": "ended by the client",
    "limit": "turn limit",
    "failed": "failed",
    "open": "under way",
}


@dataclass(frozen=True)
class Tally:
    """What the head of a page counts.

    Attributes:
        clients: the idx of each session, in the order of the page.
        turns, faces, accepted: their numbers; the last of faces.
        outcomes: the number of sessions by key of `OUTCOMES`.
        exhausted, flagged: the numbers of sessions with a face that was not accepted, and with a sign of risk.
    """

    clients: tuple[str, ...]
    turns: int
    faces: int
    accepted: int
    outcomes: Counter[str]
    exhausted: int
    flagged: int

    @classmethod
    def of(cls, sessions: Sequence[Mapping[str, Any]]) -> "Tally":
        """Counts what `session_view` returned of some sessions."""
        return cls(
            tuple(session["idx"] for session in sessions),
            sum(len(session["turns"]) for session in sessions),
            sum(session["faces"] for session in sessions),
            sum(session["accepted"] for session in sessions),
            Counter(session["outcome"] for session in sessions),
            sum(session["exhausted"] > 0 for session in sessions),
            sum(session["flagged"] > 0 for session in sessions),
        )

    def __add__(self, other: "Tally") -> "Tally":
        """Counts the sessions of two pages together."""
        return Tally(
            self.clients + other.clients,
            self.turns + other.turns,
            self.faces + other.faces,
            self.accepted + other.accepted,
            self.outcomes + other.outcomes,
            self.exhausted + other.exhausted,
            self.flagged + other.flagged,
        )

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The figures at the head of a page, with their names."""
        painted = [("faces accepted", f"{self.accepted:,} of {self.faces:,}")] if self.faces else []
        return [("sessions", f"{len(self.clients):,}"), ("turns", f"{self.turns:,}"), *painted]

    @property
    def by_outcome(self) -> list[tuple[str, str, int]]:
        """How the sessions ended: key, label and number of each outcome that occurs."""
        return [(key, label, self.outcomes[key]) for key, label in OUTCOMES.items() if self.outcomes[key]]


def gallery_page(arm: Arm, ratings: dict[str, list[ShownRating]], policy: RiskPolicy = LEXICON) -> str:
    """Renders all sessions of a run as one page.

    Args:
        arm: the run.
        ratings: by client, as `ratings_by_client` returns them.
        policy: who reads the words for risk.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    return render(arm, session_views(arm, arm.sessions, ratings, policy))


def session_views(
    arm: Arm,
    sessions: Sequence[SessionFolder],
    ratings: dict[str, list[ShownRating]],
    policy: RiskPolicy = LEXICON,
) -> list[dict[str, Any]]:
    """Returns what a page shows of some sessions of a run.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    sessions_turns = [(session, session.turns()) for session in sessions]
    read = [(session, turns, read_flags(turns, policy)) for session, turns in sessions_turns]
    pictures = Pictures.of([turn for _, turns, _ in read for turn in turns])
    with ThreadPoolExecutor() as pool:  # Pillow releases the GIL while it resizes
        return list(pool.map(lambda one: session_view(arm, one[0], one[1], one[2], pictures, ratings), read))


def render(arm: Arm, sessions: list[dict[str, Any]], part: str = "") -> str:
    """Renders a page.

    Args:
        arm: the run.
        sessions: as `session_views` returns them.
        part: which sessions of the run they are, in words; empty for all of them.
    """
    tally = Tally.of(sessions)
    return render_template(
        "page",
        arm=arm,
        sessions=sessions,
        part=part,
        outcomes=tally.by_outcome,
        outcome_words=OUTCOMES,
        exhausted=tally.exhausted,
        flagged=tally.flagged,
        facts=tally.facts,
        settings=yaml.safe_dump(arm.settings, sort_keys=False, allow_unicode=True),
    )


def render_template(name: str, **values: Any) -> str:
    """Renders `<name>.html` with its style, its script, and a policy that allows only these."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    style, script = ((HERE / f"{name}.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    return environment.get_template(f"{name}.html").render(
        notice=NOTICE, style=style, script=script, policy=content_policy(style, script), **values
    )
