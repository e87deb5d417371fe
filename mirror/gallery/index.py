"""The gallery of a run: one page, or for a large run an index of pages, each with some of the sessions.

A page is read and written at a time, so that a run of any size fits into memory.
"""

import json
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import NamedTuple

import yaml

from mirror.files.atomic import write_text
from mirror.gallery.page import OUTCOMES, Tally, gallery_page, render, render_template, session_views
from mirror.gallery.session_view import ShownRating, ratings_by_client
from mirror.progress_bar import progress_bar
from mirror.rating.ratings import read_ratings
from mirror.transcripts.arm import Arm
from mirror.transcripts.flags import LEXICON, RiskPolicy

MOST = 1000  # sessions of a run in one page; with more, the run has an index and pages
OF_A_PAGE = 250  # sessions in a page of a larger run
PAGES = "gallery"  # folder of the pages, below that of the run


class WrittenPage(NamedTuple):
    """A page that the index names.

    Attributes:
        file: relative to the run's folder.
        part: the numbers of its sessions within the run.
        tally: what it counts.
        megabytes: its size.
    """

    file: str
    part: str
    tally: Tally
    megabytes: float

    @property
    def clients(self) -> str:
        """The idx of its sessions, as JSON."""
        return json.dumps(self.tally.clients)


def write_gallery(folder: Path, policy: RiskPolicy = LEXICON) -> Path:
    """Writes `gallery.html` into the folder of a run, and for a large run the pages in `gallery/` first.

    Each file is written atomically.

    Args:
        folder: of the run.
        policy: who reads the words for risk.

    Returns:
        The path of `gallery.html`.

    Raises:
        ArmError: the folder holds no counseling run.
        TranscriptError, JsonLinesError: a transcript or the ratings are damaged.
    """
    arm, ratings = Arm.read(folder), ratings_by_client(read_ratings(folder))
    path = folder / "gallery.html"
    if len(arm.sessions) <= MOST:
        write_text(path, gallery_page(arm, ratings, policy))
        _remove_pages(folder, [])
        return path
    pages = list(_write_pages(arm, ratings, policy))
    write_text(path, index_page(arm, pages))
    _remove_pages(folder, pages)
    return path


def _write_pages(arm: Arm, ratings: dict[str, list[ShownRating]], policy: RiskPolicy) -> Iterator[WrittenPage]:
    total = len(arm.sessions)
    with progress_bar("gallery", "sessions", total) as bar:
        for number, start in enumerate(range(0, total, OF_A_PAGE), 1):
            sessions = session_views(arm, arm.sessions[start : start + OF_A_PAGE], ratings, policy)
            part = f"{start + 1:,} to {start + len(sessions):,}"
            path = arm.folder / PAGES / f"page-{number:04}.html"
            write_text(path, render(arm, sessions, part))
            bar.update(len(sessions))
            yield WrittenPage(f"{PAGES}/{path.name}", part, Tally.of(sessions), path.stat().st_size / 1e6)


def _remove_pages(folder: Path, pages: Sequence[WrittenPage]) -> None:
    """Removes the pages of an earlier gallery that the present one does not have."""
    kept = {folder / page.file for page in pages}
    for path in set((folder / PAGES).glob("page-*.html")) - kept:
        path.unlink()


def index_page(arm: Arm, pages: Sequence[WrittenPage]) -> str:
    """Renders the index of a run's pages; `gallery.html#61` leads to the page with session 61.

    Args:
        arm: the run.
        pages: in order.
    """
    tally = reduce(add, (page.tally for page in pages))
    return render_template(
        "index",
        arm=arm,
        pages=pages,
        tally=tally,
        outcome_words=OUTCOMES,
        settings=yaml.safe_dump(arm.settings, sort_keys=False, allow_unicode=True),
    )
