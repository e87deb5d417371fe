"""Tables for `mirror list`: the stages, their params files, and the runs with their state. Changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mirror.files.lock import holder_of
from mirror.paths import display_path, output_path, whole_path
from mirror.run_folder import SETTINGS, RunConflict, read_provenance, read_settings
from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params
from mirror.terminal.stages import STAGES, Stage, stage_of

NOT_RUNNING = "its process ended without saying so; the same command goes on"
MOST = 90  # characters of a reason


@dataclass(frozen=True)
class RunState:
    """A run as a list shows it.

    Attributes:
        name: of its folder.
        stage: that made it.
        state: `complete`, or what it is doing or why it stopped.
        updated: when its record was last written, as the record has it; empty if it has none.
    """

    name: str
    stage: str
    state: str
    updated: str


def runs(results: Path | None = None) -> list[RunState]:
    """All runs below `results/`, the one that was written last at the end."""
    folder = results or output_path("results")
    found = (path.parent for path in folder.glob(f"*/{SETTINGS}"))
    return sorted((_run_state(path) for path in found), key=lambda run: (run.updated, run.name))


def _run_state(folder: Path) -> RunState:
    try:
        settings, record = read_settings(folder), read_provenance(folder)
    except RunConflict as error:
        return RunState(folder.name, "?", f"damaged: {error}"[:MOST], "")
    stage = stage_of(settings)
    status, reason = str(record.get("status", "begun")), str(record.get("reason") or record.get("stopped") or "")
    if holder := holder_of(folder):
        state = f"running: {holder}"
    elif status in ("running", "begun"):
        state = f"stopped: {NOT_RUNNING}"
    else:
        state = f"{status}: {' '.join(reason.split()).rstrip(': ')}" if reason else status
    return RunState(folder.name, stage, state if len(state) <= MOST else f"{state[: MOST - 1]}…", _time(record))


def _time(record: dict[str, object]) -> str:
    try:
        return datetime.fromisoformat(str(record.get("updated"))).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""


def listing(stages: Sequence[Stage]) -> str:
    """The text of the list: for each of `stages` its params files, and the runs of them.

    Args:
        stages: that are shown; with all of them, each has one line, with one of them its params files.
    """
    names = {stage.name for stage in stages}
    shown = [run for run in runs() if run.stage in names or len(stages) == len(STAGES)]
    files = [row for stage in stages for row in _file_rows(stage, {run.name: run.state for run in shown})]
    parts: list[tuple[str, list[tuple[str, ...]]]] = [
        ("stages", [(stage.name, stage.does) for stage in stages]),
        ("params files: run, state", files),
        (f"runs in {whole_path(output_path('results'))}/", [(r.name, r.stage, r.updated, r.state) for r in shown]),
    ]
    return "\n\n".join("\n".join([title, *table(rows or [("none",)])]) for title, rows in parts)


def _file_rows(stage: Stage, states: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for path in stage.params_files:
        try:
            run = str(read_params(path).get("run") or "")
        except SettingsError as error:
            yield display_path(path), "", str(error)[:MOST]
            continue
        yield display_path(path), run, states.get(run, "not begun").partition(":")[0]


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, in columns that are as wide as they need."""
    rows = [list(map(str, row)) for row in rows]
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(max(map(len, rows)))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    ]
