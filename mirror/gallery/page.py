"""A page of the gallery: sessions with their faces, verdicts, captions, plans, ratings, and a place for notes.

The file is self-contained: its content security policy forbids network access and any script but its own. Texts and
pictures are data in inert elements; the script reads those of a session when it is opened, and only ever sets text.
The list and the script stand before the sessions, so that the page can be used while a large file is still read. The
list of a larger gallery has its sessions' texts and pictures from the files of pages, which it opens in frames.
"""

import hashlib
from collections.abc import Mapping, Sequence
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
SCRIPTS = ("data", "pages", "elements", "search", "notes", "article", "list", "tables", "page")
OUTCOMES = {  # of a session, with the labels of the filters, in order
    "client": "ended by the client",
    "limit": "turn limit",
    "failed": "failed",
    "open": "under way",
}


@dataclass(frozen=True)
class WrittenPage:
    """A page of a larger gallery.

    Attributes:
        file: relative to the gallery's folder.
        rows: of its sessions (`SessionView.row`).
    """

    file: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Tally:
    """What the head of a page counts.

    Attributes:
        sessions, turns, faces, accepted: their numbers; the last of faces.
        faults: the number of pictures that cannot be shown.
    """

    sessions: int
    turns: int
    faces: int
    accepted: int
    faults: int

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> "Tally":
        """Counts the rows of some sessions (`SessionView.row`)."""
        return cls(
            len(rows),
            sum(row["turns"] for row in rows),
            sum(row["faces"] for row in rows),
            sum(row["accepted"] for row in rows),
            sum(row["faults"] for row in rows),
        )

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The figures at the head of a page, with their names."""
        painted = [("faces accepted", f"{self.accepted:,} of {self.faces:,}")] if self.faces else []
        faults = [("pictures missing", f"{self.faults:,}")] if self.faults else []
        return [("sessions", f"{self.sessions:,}"), ("turns", f"{self.turns:,}"), *painted, *faults]


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
        comments = run.comments.get(folder.folder.name, ())
        return session_view(run.arm, folder, turns, flags, sizes, ratings, shown.run, comments)

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
    rows = [session.row for session in sessions]
    texts = [inert_json(session.text) for session in sessions]
    pictures = [inert_json(session.pictures) for session in sessions]
    return _render(name, runs, Tally.of(rows), page_data(name, runs, rows, part), texts, pictures)


def divided_page(name: str, runs: Sequence[ShownRun], pages: Sequence[WrittenPage]) -> str:
    """Renders a page that lists the sessions of other pages, and shows in frames what they hold.

    Args:
        name: of the gallery.
        runs: whose sessions they are.
        pages: in order.
    """
    rows = [row for page in pages for row in page.rows]
    held = [{"file": page.file, "key": page_key(page.rows), "sessions": len(page.rows)} for page in pages]
    return _render(name, runs, Tally.of(rows), page_data(name, runs, rows) | {"pages": held}, has_frames=True)


def _render(
    name: str,
    runs: Sequence[ShownRun],
    tally: Tally,
    data: Mapping[str, Any],
    texts: Sequence[str] = (),
    pictures: Sequence[str] = (),
    has_frames: bool = False,
) -> str:
    """Renders `page.html` with its style, its scripts, and a policy that allows only these."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    style = (HERE / "page.css").read_text(encoding="utf-8")
    script = "\n".join((HERE / "script" / f"{part}.js").read_text(encoding="utf-8") for part in SCRIPTS)
    return environment.get_template("page.html").render(
        name=name,
        runs=runs,
        part=data["part"],
        tally=tally,
        data=inert_json(data),
        texts=texts,
        pictures=pictures,
        settings=settings_text(runs),
        notice=NOTICE,
        style=style,
        script=script,
        policy=content_policy(style, script, has_frames),
    )


def page_data(name: str, runs: Sequence[ShownRun], rows: Sequence[Mapping[str, Any]], part: str = "") -> dict[str, Any]:
    """Returns what the page's script knows before a session is opened."""
    measures = {measure: None for row in rows for measure in row["scores"]}
    return {
        "name": name,
        "part": part,
        "key": page_key(rows),
        "runs": [run.facts for run in runs],
        "outcomes": OUTCOMES,
        "measures": list(measures),
        "sessions": rows,
    }


def page_key(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns what only a gallery with these sessions knows: a page in a frame gives nothing to any other."""
    return hashlib.sha256(inert_json(rows).encode()).hexdigest()[:32]


def settings_text(runs: Sequence[ShownRun]) -> str:
    """Returns the settings of the runs as YAML; of several, by name."""
    settings = [run.arm.settings for run in runs]
    shown = settings[0] if len(runs) == 1 else {run.name: run.arm.settings for run in runs}
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)
