"""The gallery of one run, or of several to read side by side: one page, or for many sessions one that reads others.

Pages are written one after the other, so that runs of any size fit into memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mirror.files.atomic import write_text
from mirror.gallery.page import WrittenPage, divided_page, gallery_page, session_views
from mirror.gallery.shown_run import ShownRun, pages_of, read_runs, sessions_in_order
from mirror.paths import display_path
from mirror.progress_bar import progress_bar
from mirror.transcripts.arm import ArmError, arm_faults
from mirror.transcripts.flags import LEXICON, RiskPolicy

MOST = 1000  # sessions of a gallery in one page; with more, others hold what they said
OF_A_PAGE = 250  # sessions in a page of a larger gallery
PAGES = "gallery"  # folder of the pages, below that of the gallery


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
    write_text(path, divided_page(folder.name, runs, pages))
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
            yield WrittenPage(f"{PAGES}/{path.name}", [view.row for view in views])


def _remove_pages(folder: Path, pages: Sequence[WrittenPage]) -> None:
    """Removes the pages of an earlier gallery that the present one does not have."""
    kept = {folder / page.file for page in pages}
    for path in set((folder / PAGES).glob("page-*.html")) - kept:
        path.unlink()
