"""Saves explored sessions as a run, one per counselor: gallery, rating, analysis and replay read them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirror.clients.returns import Returns, session_record
from mirror.counseling.settings import CounselSettings
from mirror.exploration.run import Exploration
from mirror.files.atomic import discard
from mirror.files.json_file import write_json
from mirror.paths import output_path
from mirror.run_folder import Run
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SESSION, SessionFolder
from mirror.transcripts.session_name import session_name
from mirror.transcripts.turn import Memory

PORTRAITS = "portraits"
UNREMEMBERED = Returns(memory="none")  # a client's further sessions begin like a first one


def save(exploration: Exploration, name: str = "") -> tuple[str, tuple[Path, ...]]:
    """Writes the session with every counselor to its run.

    Args:
        exploration: what was said.
        name: of the session, if it was saved before and is replaced; else the client's next free one.

    Returns:
        The name of the session, which is the same in every run, and the folder of each.

    Raises:
        ValueError: nothing has been said yet.
        RunConflict: a run of that name was begun with other settings.
        FolderInUse: another process works in a run's folder.
        OSError: it cannot be written; what was written of this session is removed.
    """
    if not exploration.exchanges:
        raise ValueError("there is nothing to save; take a turn first")
    runs = [
        Run(run, _settings(settings), settings.MACHINE, defaults=settings.defaults())
        for run, settings in zip(exploration.explored.runs, exploration.sides, strict=True)
    ]
    name = name or next_name(exploration)
    folders = tuple(run.folder / "sessions" / name for run in runs)
    for side, (run, folder) in enumerate(zip(runs, folders, strict=True)):
        run.open()
        with run.working("saving an explored session"):
            try:
                _write(exploration, side, run.folder, folder)
            except BaseException:
                discard(folder)
                raise
            run.record("complete", cast=exploration.facts(side), explored=_seeds(run, name, exploration))
    return name, folders


def next_name(exploration: Exploration) -> str:
    """The name of the client's next session that is free in every run."""
    folders = [output_path("results") / run / "sessions" for run in exploration.explored.runs]
    number = 1
    while any((folder / session_name(exploration.profile.idx, number)).exists() for folder in folders):
        number += 1
    return session_name(exploration.profile.idx, number)


def _settings(settings: CounselSettings) -> dict[str, Any]:
    """The settings as a run records them: the client is a person, and remembers nothing of earlier sessions."""
    return settings.model_dump() | {"client": "typed", "client_model": "", "client_url": "", "memory": "none"}


def _seeds(run: Run, name: str, exploration: Exploration) -> dict[str, Any]:
    """The facts of every session of the run: who spoke in each turn, and its seed, which the settings do not say."""
    facts = [
        {"client": "own" if one.typed is None else "typed", "seed": one.seed, "tries": one.tries}
        for one in exploration.exchanges
    ]
    return run.provenance.get("explored", {}) | {name: facts}


def _write(exploration: Exploration, side: int, run: Path, path: Path) -> None:
    discard(path)
    folder = SessionFolder(path)
    folder.begin(_kept_portraits(exploration, run))
    before = _before(path)
    if before is not None:
        write_json(path / SESSION, session_record(folder, before, UNREMEMBERED, Memory()))
    for exchange in exploration.exchanges:
        step = exchange.steps[side]
        folder.append(step.taken.turn, step.taken.images, step.seconds)
    ended = exploration.conversation.ended
    folder.end("complete", "the client ended the session" if ended else "saved from the panel")


def _before(path: Path) -> SessionFolder | None:
    """The session of the client before this one; None for the first one."""
    idx, _, number = path.name.partition("+s")
    return SessionFolder(path.with_name(session_name(idx, int(number) - 1))) if number else None


def _kept_portraits(exploration: Exploration, run: Path) -> Profile:
    """The client; portraits that a person has given are copied to the run."""
    profile = exploration.profile
    if profile.idx in exploration.profiles:
        return profile
    (run / PORTRAITS).mkdir(exist_ok=True)
    kept = tuple(Path(shutil.copy(path, run / PORTRAITS / path.name)) for path in profile.portraits)
    return replace(profile, portraits=kept)
