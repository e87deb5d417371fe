"""Command line: `python -m mirror.export messages|inspect|scores results/<run> …`."""

import argparse
from pathlib import Path

from mirror.console import run_command
from mirror.export.inspect_log import SIDE, write_logs
from mirror.export.intake import LogError, import_scores
from mirror.export.messages import missing_pictures, write_messages
from mirror.files.json_lines import JsonLinesError
from mirror.files.lock import FolderInUse
from mirror.paths import display_path, output_path
from mirror.rating.instrument import InstrumentError, read_instrument, shipped
from mirror.transcripts.arm import Arm, ArmError, arm_faults
from mirror.transcripts.session_folder import TranscriptError


def main() -> None:
    """Exports the run on the command line, or imports scores into it."""
    parser = argparse.ArgumentParser(prog="python -m mirror.export", description="Runs in the formats of other tools.")
    commands = parser.add_subparsers(dest="command", required=True)
    messages = commands.add_parser("messages", help="write chat messages as JSON Lines, one session per line")
    logs = commands.add_parser("inspect", help="write logs for `inspect view`")
    logs.add_argument("--side", type=int, default=SIDE, help="of the pictures, in pixels; 0: no pictures")
    scores = commands.add_parser("scores", help="import new and edited scores of logs as ratings")
    for command in (messages, logs, scores):
        command.add_argument("run", type=Path, help="results/<run>")
    scores.add_argument("logs", nargs="+", type=Path, help="logs as JSON")
    scores.add_argument("--instrument", default="", help="of scores that were not exported: a name, or a YAML file")
    options = parser.parse_args()
    folder = output_path(options.run)
    try:
        if options.command == "scores":
            _import(folder, options)
        else:
            _export(folder, options)
    except (ArmError, TranscriptError, JsonLinesError, InstrumentError, LogError, FolderInUse) as error:
        parser.error(str(error))


def _export(folder: Path, options: argparse.Namespace) -> None:
    paths = [write_messages(folder)] if options.command == "messages" else write_logs(folder, options.side)
    for path in paths:
        print(f"{display_path(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    if missing := missing_pictures(Arm.read(folder)):
        print(f"{missing} turns are without their picture, which is not in the run's folder")


def _import(folder: Path, options: argparse.Namespace) -> None:
    if faults := arm_faults(folder):
        raise ArmError("\n".join(faults))
    of_others = read_instrument(options.instrument) if options.instrument else None
    known = [read_instrument(name) for name in shipped()]
    for one in import_scores(folder, options.logs, known, of_others):
        print(f"{display_path(one.path)}: {one.written} ratings written, {one.known} known before")


if __name__ == "__main__":
    run_command(main)
