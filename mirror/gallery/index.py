"""The gallery of one run, or of several to read side by side: one page, or for many sessions an index of pages.

A page is read and written at a time, so that runs of any size fit into memory.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from mirror.files.atomic import write_text
from mirror.gallery.page import OUTCOMES, Tally, gallery_page, render_template, session_views, settings_text
from mirror.gallery.shown_run import ShownRun, pages_of, read_runs, sessions_in_order
from mirror.paths import display_path
from mirror.progress_bar import progress_bar
from mirror.transcripts.arm import ArmError, arm_faults
from mirror.transcripts.flags import LEXICON, RiskPolicy

MOST = 1000  # sessions of a gallery in one page; with more, it has an index and pages
OF_A_PAGE = 250  # sessions in a page of a larger gallery
PAGES = "gallery"  # folder of the pages, below that of the gallery


@dataclass(frozen=True)
class WrittenPage:
    """A page that the index names.

    Attributes:
        file: relative to the gallery's folder.
        part: the numbers of its sessions within the gallery.
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
    return _write(folder, read_runs([folder]), policy)


def write_shared_gallery(runs: Sequence[Path], folder: Path, policy: RiskPolicy = LEXICON) -> Path:
    """Writes a gallery of several runs, in which the sessions of a client can be read side by side.

    Args:
        runs: their folders.
        folder: of the gallery; not that of a run, which has one of its own.
        policy: who reads the words for risk.

    Returns:
        The path of `gallery.html`.

    Raises:
        ArmError: a folder holds no counseling run, is named twice, or the gallery's folder holds one.
        TranscriptError, JsonLinesError: a transcript or the ratings are damaged.
    """
    if not arm_faults(folder):
        raise ArmError(f"{display_path(folder)} is a counseling run; give the gallery of several runs another folder")
    if len({run.resolve() for run in runs}) < len(runs):
        named = ", ".join(display_path(run) for run in runs)
        raise ArmError(f"a run is named twice among {named}; name each once")
    return _write(folder, read_runs(runs), policy)


def _write(folder: Path, runs: Sequence[ShownRun], policy: RiskPolicy) -> Path:
    path, sessions = folder / "gallery.html", sessions_in_order(runs)
    if len(sessions) <= MOST:
        write_text(path, gallery_page(folder.name, runs, session_views(runs, sessions, policy)))
        _remove_pages(folder, [])
        return path
    pages = list(_write_pages(folder, runs, policy))
    write_text(path, index_page(folder.name, runs, pages))
    _remove_pages(folder, pages)
    return path


def _write_pages(folder: Path, runs: Sequence[ShownRun], policy: RiskPolicy) -> Iterator[WrittenPage]:
    sessions, start = sessions_in_order(runs), 0
    with progress_bar("gallery", "sessions", len(sessions)) as bar:
        for number, some in enumerate(pages_of(sessions, OF_A_PAGE), 1):
            views = session_views(runs, some, policy)
            part = f"{start + 1:,} to {start + len(views):,}"
            start += len(views)
            path = folder / PAGES / f"page-{number:04}.html"
            write_text(path, gallery_page(folder.name, runs, views, part))
            bar.update(len(views))
            yield WrittenPage(f"{PAGES}/{path.name}", part, Tally.of(views), path.stat().st_size / 1e6)


def _remove_pages(folder: Path, pages: Sequence[WrittenPage]) -> None:
    """Removes the pages of an earlier gallery that the present one does not have."""
    kept = {folder / page.file for page in pages}
    for path in set((folder / PAGES).glob("page-*.html")) - kept:
        path.unlink()


def index_page(name: str, runs: Sequence[ShownRun], pages: Sequence[WrittenPage]) -> str:
    """Renders the index of a gallery's pages; `gallery.html#61` leads to the page with session 61.

    Args:
        name: of the gallery.
        runs: in it.
        pages: in order.
    """
    return render_template(
        "index",
        ("index",),
        name=name,
        runs=runs,
        pages=pages,
        tally=reduce(add, (page.tally for page in pages)),
        outcome_words=OUTCOMES,
        settings=settings_text(runs),
    )
