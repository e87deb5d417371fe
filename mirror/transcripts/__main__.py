"""Print a session for reading: `python -m mirror.transcripts results/<run>/sessions/<idx>`."""

import argparse
from pathlib import Path

from mirror.console import run_command
from mirror.transcripts.flags import add_classifier, policy_of, read_flags
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.text import format_session


def main() -> None:
    """Parse the command line and print the session."""
    parser = argparse.ArgumentParser(prog="python -m mirror.transcripts", description="print a session for reading")
    parser.add_argument("folder", type=Path, help="results/<run>/sessions/<idx>")
    add_classifier(parser)
    options = parser.parse_args()
    session = SessionFolder(options.folder)
    if not session.folder.is_dir():
        parser.error(f"there is no folder {session.folder}; with $MIRROR_OUTPUT set, results lie below that")
    if not any((session.folder / name).is_file() for name in ("turns.jsonl", "end.json")):
        parser.error(f"{session.folder} is not a session: it contains neither turns.jsonl nor end.json")
    try:
        print(format_session(session, read_flags(session.turns(), policy_of(options))))
    except (TranscriptError, FileNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    run_command(main)
