"""Whether the sessions of a run are on disk as they were written: counts, sizes, digests, pictures that can be decoded.

`python -m mirror.integrity results/<run>` reads a whole run and says what is wrong. Knows nothing of models.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mirror.picture import PictureError, open_picture
from mirror.run import display_path, sha256
from mirror.transcript import SessionFolder, TranscriptError


def session_faults(session: SessionFolder, thorough: bool = False, without_faces: bool = False) -> list[str]:
    """What is wrong with a session's files, one sentence each; empty where they are as they were written.

    A session under way has no digests yet: its turns must be readable and their faces there.

    Args:
        thorough: also compares every SHA-256 and decodes every face; else sizes only, which takes no time.
        without_faces: a session may lack its faces altogether, as in a copy that was made to be passed on.
    """
    try:
        _ = session.client, session.timings()
        ended, turns = session.ended, session.turns()
    except TranscriptError as error:
        return [str(error)]
    folder = display_path(session.folder)
    named = {file for turn in turns if turn.face for file in turn.face.files}
    named |= {"client.json"} if turns else set()
    digests = (ended or {}).get("files", {})
    if without_faces and not (session.folder / "faces").exists():
        named = {file for file in named if not file.startswith("faces/")}
        digests = {file: digest for file, digest in digests.items() if not file.startswith("faces/")}
    faults = list(_digest_faults(session.folder, digests, thorough))
    named -= digests.keys()
    faults += [f"{folder}/{file} is missing" for file in sorted(named) if not (session.folder / file).is_file()]
    if thorough and not faults:
        files = sorted({file for turn in turns if turn.face for file in turn.face.files})
        faults += [fault for file in files if (fault := _picture_fault(session.folder / file))]
    return faults


def run_faults(folder: Path, thorough: bool = True, without_faces: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Each session of a run, by name, with its faults (`session_faults`); also those that have none."""
    for path in sorted(folder.glob("sessions/*/")):
        yield path.name, session_faults(SessionFolder(path), thorough, without_faces)


def _digest_faults(folder: Path, digests: dict, thorough: bool) -> Iterator[str]:
    for file, written in digests.items():
        path = folder / file
        if not path.is_file():
            yield f"{display_path(path)} is missing"
        elif (size := path.stat().st_size) != written["bytes"]:
            yield f"{display_path(path)} has {size} bytes, and had {written['bytes']} when the session was complete"
        elif thorough and sha256(path) != written["sha256"]:
            yield f"{display_path(path)} was changed since the session was complete"


def _picture_fault(path: Path) -> str:
    try:
        open_picture(path)
    except PictureError as error:
        return str(error)
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror.integrity", description="checks the files of a run")
    parser.add_argument("folder", type=Path, help="results/<run>")
    folder = parser.parse_args().folder
    if not (folder / "sessions").is_dir():
        parser.error(f"{folder} holds no sessions")
    found = dict(run_faults(folder))
    for fault in (fault for faults in found.values() for fault in faults):
        print(fault)
    damaged = sum(map(bool, found.values()))
    print(f"{len(found)} sessions, {len(found) - damaged} as they were written, {damaged} damaged")
    sys.exit(1 if damaged else 0)


if __name__ == "__main__":
    main()
