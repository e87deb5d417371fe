"""Command line: `python -m mirror.gallery results/<run> …` writes the gallery of each run."""

import argparse
from pathlib import Path

from mirror.files.json_lines import JsonLinesError
from mirror.gallery import write_gallery
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
    add_classifier(parser)
    options = parser.parse_args()
    try:
        policy = policy_of(options)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    for run in options.runs:
        try:
            path = write_gallery(output_path(run), policy)
        except (ArmError, TranscriptError, JsonLinesError) as error:
            parser.error(str(error))
        print(f"{display_path(path)} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
