"""Print a session for reading, or all of a run: `python -m mirror.transcripts results/<run>[/sessions/<idx>]`."""

import argparse
from pathlib import Path

from mirror.console import run_command
from mirror.natural_order import natural_key
from mirror.transcripts.flags import add_classifier, policy_of, read_flags
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.text import format_session


def main() -> None:
    """Parse the command line and print the session, or those of the run in natural order."""
    about = "print a session for reading, or all sessions of a run"
    parser = argparse.ArgumentParser(prog="python -m mirror.transcripts", description=about)
    parser.add_argument("folder", type=Path, help="results/<run>/sessions/<idx>, or results/<run> for all of them")
    add_classifier(parser)
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}; with $MIRROR_OUTPUT set, results lie below that")
    found = [path for path in (options.folder / "sessions").glob("*/") if is_session(path)]
    sessions = sorted(found, key=lambda path: natural_key(path.name)) or [options.folder]
    if not is_session(sessions[0]):
        what = "neither a session (it contains neither turns.jsonl nor end.json) nor a run with sessions"
        parser.error(f"{options.folder} is {what}")
    try:
        policy = policy_of(options)
        for place, session in enumerate(map(SessionFolder, sessions)):
            print("\n" * 2 * bool(place) + format_session(session, read_flags(session.turns(), policy)))
    except (TranscriptError, FileNotFoundError, ValueError) as error:
        parser.error(str(error))


def is_session(folder: Path) -> bool:
    """Whether a folder holds a session that has begun."""
    return any((folder / name).is_file() for name in ("turns.jsonl", "end.json"))


if __name__ == "__main__":
    run_command(main)
