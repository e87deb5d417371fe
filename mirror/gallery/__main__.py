"""Command line: `python -m mirror.gallery results/<run> …` writes the gallery of each run, or of all together."""

import argparse
from pathlib import Path

from mirror.console import run_command
from mirror.files.json_lines import JsonLinesError
from mirror.gallery import write_gallery, write_shared_gallery
from mirror.paths import display_path, output_path
from mirror.transcripts.arm import ArmError
from mirror.transcripts.flags import add_classifier, policy_of
from mirror.transcripts.session_folder import TranscriptError


def main() -> None:
    """Writes the galleries of the runs on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.gallery", description="Write a run as one HTML page to read."
    )
    parser.add_argument("runs", nargs="+", type=Path, help="results/<run>")
    parser.add_argument(
        "--together", type=Path, metavar="FOLDER", help="one gallery of all the runs, there: read side by side"
    )
    add_classifier(parser)
    options = parser.parse_args()
    try:
        policy = policy_of(options)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    runs = [output_path(run) for run in options.runs]
    try:
        if options.together:
            _tell(write_shared_gallery(runs, output_path(options.together), policy))
            return
        for run in runs:
            _tell(write_gallery(run, policy))
    except (ArmError, TranscriptError, JsonLinesError) as error:
        parser.error(str(error))


def _tell(path: Path) -> None:
    print(f"{display_path(path)} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    run_command(main)
