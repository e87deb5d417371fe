"""Whether a run or a checkpoint is on disk as it was written: counts, sizes, digests, pictures that can be decoded.

`python -m mirror.transcripts.integrity results/<run>` (or `checkpoints/<name>`) reads every file and says what is wrong. Loads no
model.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mirror.files.digests import DIGESTS, digest_faults, folder_faults
from mirror.files.image_file import PictureError, open_picture
from mirror.paths import display_path
from mirror.transcripts.session_folder import SessionFolder, TranscriptError


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
    faults = list(digest_faults(session.folder, digests, "the session was complete", thorough))
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


def _picture_fault(path: Path) -> str:
    try:
        open_picture(path)
    except PictureError as error:
        return str(error)
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror.transcripts.integrity", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="results/<run> or checkpoints/<name>")
    folder = parser.parse_args().folder
    if (folder / DIGESTS).is_file():
        found, of = {folder.name: folder_faults(folder, thorough=True)}, "checkpoints"
    elif (folder / "sessions").is_dir():
        found, of = dict(run_faults(folder)), "sessions"
    else:
        parser.error(f"{folder} holds neither sessions nor a checkpoint with {DIGESTS}")
    for fault in (fault for faults in found.values() for fault in faults):
        print(fault)
    damaged = sum(map(bool, found.values()))
    print(f"{len(found)} {of}, {len(found) - damaged} as they were written, {damaged} damaged")
    sys.exit(1 if damaged else 0)


if __name__ == "__main__":
    main()
