"""Integrity checks of a run or a checkpoint: file counts, sizes, digests, and decodable images.

`python -m mirror.transcripts.integrity results/<run>` (or `checkpoints/<name>`) reads every file and prints all faults.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mirror.console import run_command
from mirror.files.digests import DIGESTS, digest_faults, folder_faults
from mirror.files.image_file import PictureError, open_picture
from mirror.paths import display_path
from mirror.run_folder import settings_faults
from mirror.transcripts.session_folder import SESSION, SessionFolder, TranscriptError
from mirror.transcripts.session_name import number_of


def session_faults(session: SessionFolder, thorough: bool = False, without_faces: bool = False) -> list[str]:
    """Check the files of a session.

    A session in progress has no digests yet: its turns must be readable, and their faces must exist.

    Args:
        session: the session to check.
        thorough: also compare every SHA-256 and decode every face; otherwise only sizes, which is immediate.
        without_faces: accept a session whose faces were all removed, as in a copy for sharing.

    Returns:
        One sentence per fault.
    """
    try:
        _ = session.client, session.timings()
        ended, turns = session.ended, session.turns()
    except TranscriptError as error:
        return [str(error)]
    folder = display_path(session.folder)
    named = {file for turn in turns for file in turn.files}
    named |= {"client.json", *([SESSION] if number_of(session.folder.name) > 1 else [])} if turns else set()
    digests = (ended or {}).get("files", {})
    if without_faces and not (session.folder / "faces").exists():
        named = {file for file in named if not file.startswith("faces/")}
        digests = {file: digest for file, digest in digests.items() if not file.startswith("faces/")}
    faults = list(digest_faults(session.folder, digests, "the session was complete", thorough))
    named -= digests.keys()
    faults += [f"{folder}/{file} is missing" for file in sorted(named) if not (session.folder / file).is_file()]
    if thorough and not faults:
        files = sorted({file for turn in turns for file in turn.files})
        faults += [fault for file in files if (fault := _picture_fault(session.folder / file))]
    return faults


def run_faults(folder: Path, thorough: bool = True, without_faces: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Check every session of a run.

    Args:
        folder: the run's folder.
        thorough: as for `session_faults`.
        without_faces: as for `session_faults`.

    Yields:
        The name and the faults of each session, including those without faults.
    """
    for path in sorted(folder.glob("sessions/*/")):
        yield path.name, session_faults(SessionFolder(path), thorough, without_faces)


def _picture_fault(path: Path) -> str:
    try:
        open_picture(path)
    except PictureError as error:
        return str(error)
    return ""


def main() -> None:
    """Parse the command line, print the faults, and exit with status 1 if there are any."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.transcripts.integrity",
        description="Check that a run or a checkpoint is on disk as it was written.",
    )
    parser.add_argument("folder", type=Path, help="results/<run> or checkpoints/<name>")
    folder = parser.parse_args().folder
    if (folder / DIGESTS).is_file():
        found, of = {folder.name: folder_faults(folder, thorough=True)}, "checkpoints"
    elif (folder / "sessions").is_dir():
        found, of = dict(run_faults(folder)), "sessions"
    else:
        parser.error(f"{folder} contains neither sessions nor a checkpoint with {DIGESTS}")
    of_run = settings_faults(folder)
    for fault in (*of_run, *(fault for faults in found.values() for fault in faults)):
        print(fault)
    damaged = sum(map(bool, found.values()))
    print(f"{len(found)} {of}, {len(found) - damaged} as they were written, {damaged} damaged")
    sys.exit(1 if damaged or of_run else 0)


if __name__ == "__main__":
    run_command(main)
