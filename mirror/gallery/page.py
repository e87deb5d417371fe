"""A page of the gallery: sessions with their faces, verdicts, captions, plans, ratings, and a place for notes.

The file is self-contained: its content security policy forbids network access and any script but its own. Texts and
pictures are data in inert elements; the script reads those of a session when it is opened, and only ever sets text.
The list and the script stand before the sessions, so that the page can be used while a large file is still read.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from mirror.gallery.pictures import Sizes
from mirror.gallery.session_view import SessionView, session_view
from mirror.gallery.shown_run import ShownRun, ShownSession
from mirror.html_page import NOTICE, content_policy, inert_json
from mirror.transcripts.flags import LEXICON, RiskPolicy, read_flags

HERE = Path(__file__).parent
# The parts of the page's script, in order: each uses what those before it define.
SCRIPTS = ("data", "elements", "search", "notes", "article", "list", "tables", "page")
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
        faults: the number of pictures that cannot be shown.
    """

    clients: tuple[str, ...]
    turns: int
    faces: int
    accepted: int
    outcomes: Counter[str]
    exhausted: int
    flagged: int
    faults: int

    @classmethod
    def of(cls, sessions: Sequence[SessionView]) -> "Tally":
        """Counts what `session_view` returned of some sessions."""
        rows = [session.row for session in sessions]
        return cls(
            tuple(row["idx"] for row in rows),
            sum(row["turns"] for row in rows),
            sum(row["faces"] for row in rows),
            sum(row["accepted"] for row in rows),
            Counter(row["outcome"] for row in rows),
            sum(row["exhausted"] > 0 for row in rows),
            sum(row["flagged"] > 0 for row in rows),
            sum(row["faults"] for row in rows),
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
            self.faults + other.faults,
        )

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The figures at the head of a page, with their names."""
        painted = [("faces accepted", f"{self.accepted:,} of {self.faces:,}")] if self.faces else []
        faults = [("pictures missing", f"{self.faults:,}")] if self.faults else []
        return [("sessions", f"{len(self.clients):,}"), ("turns", f"{self.turns:,}"), *painted, *faults]

    @property
    def by_outcome(self) -> list[tuple[str, str, int]]:
        """How the sessions ended: key, label and number of each outcome that occurs."""
        return [(key, label, self.outcomes[key]) for key, label in OUTCOMES.items() if self.outcomes[key]]


def session_views(
    runs: Sequence[ShownRun], sessions: Sequence[ShownSession], policy: RiskPolicy = LEXICON
) -> list[SessionView]:
    """Returns what a page shows of some sessions.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    turns_of = [(one, one.folder.turns()) for one in sessions]
    read = [(one, turns, read_flags(turns, policy)) for one, turns in turns_of]
    sizes = Sizes.of([turn for _, turns, _ in read for turn in turns])

    def view(one: Any) -> SessionView:
        shown, turns, flags = one
        run, folder = runs[shown.run], shown.folder
        ratings = run.ratings.get(folder.folder.name, ())
        return session_view(run.arm, folder, turns, flags, sizes, ratings, shown.run)

    with ThreadPoolExecutor() as pool:  # Pillow releases the GIL while it resizes
        return list(pool.map(view, read))


def gallery_page(name: str, runs: Sequence[ShownRun], sessions: Sequence[SessionView], part: str = "") -> str:
    """Renders a page.

    Args:
        name: of the gallery.
        runs: whose sessions they are.
        sessions: as `session_views` returns them.
        part: which sessions of the gallery they are, in words; empty for all of them.
    """
    tally, data = Tally.of(sessions), page_data(name, runs, sessions, part)
    return render_template(
        "page",
        SCRIPTS,
        name=name,
        runs=runs,
        part=part,
        tally=tally,
        data=inert_json(data),
        texts=[inert_json(session.text) for session in sessions],
        pictures=[inert_json(session.pictures) for session in sessions],
        settings=settings_text(runs),
    )


def page_data(name: str, runs: Sequence[ShownRun], sessions: Sequence[SessionView], part: str) -> dict[str, Any]:
    """Returns what the page's script knows before a session is opened."""
    measures = {measure: None for session in sessions for measure in session.row["scores"]}
    return {
        "name": name,
        "part": part,
        "runs": [run.facts for run in runs],
        "outcomes": OUTCOMES,
        "measures": list(measures),
        "sessions": [session.row for session in sessions],
    }


def settings_text(runs: Sequence[ShownRun]) -> str:
    """Returns the settings of the runs as YAML; of several, by name."""
    settings = [run.arm.settings for run in runs]
    shown = settings[0] if len(runs) == 1 else {run.name: run.arm.settings for run in runs}
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)


def render_template(template: str, scripts: Sequence[str], **values: Any) -> str:
    """Renders `<template>.html` with `<template>.css`, the scripts, and a policy that allows only these."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    style = (HERE / f"{template}.css").read_text(encoding="utf-8")
    script = "\n".join((HERE / "script" / f"{part}.js").read_text(encoding="utf-8") for part in scripts)
    return environment.get_template(f"{template}.html").render(
        notice=NOTICE, style=style, script=script, policy=content_policy(style, script), **values
    )
