"""Command line: `python -m mirror.rating.forms write|import|agreement|withdraw` for ratings by people."""

import argparse
import sys
from pathlib import Path

from mirror.console import run_command
from mirror.files.image_file import PictureError
from mirror.files.json_lines import JsonLinesError
from mirror.files.lock import FolderInUse
from mirror.paths import display_path, output_path
from mirror.rating.forms.agreement import agreement_text, study_agreement
from mirror.rating.forms.assignment import AssignmentError
from mirror.rating.forms.intake import READERS, Returned, import_files, withdraw_rater
from mirror.rating.forms.key import KeyFileError
from mirror.rating.forms.study import FormsError, FormSettings, write_study
from mirror.rating.instrument import InstrumentError
from mirror.rating.revision.withdrawal import judges, withdraw
from mirror.run_folder import RunConflict
from mirror.transcripts.arm import ArmError
from mirror.transcripts.session_folder import TranscriptError

FAULTS = (
    ArmError,
    AssignmentError,
    FolderInUse,
    FormsError,
    InstrumentError,
    JsonLinesError,
    KeyFileError,
    PictureError,
    RunConflict,
    TranscriptError,
)


def main() -> None:
    """Writes forms, imports returned ones, or prints the agreement of the raters."""
    parser = _parser()
    given = parser.parse_args()
    try:
        given.act(given)
    except FAULTS as error:
        parser.exit(2, f"{error}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mirror.rating.forms", description="Ratings by people, blinded.")
    commands = parser.add_subparsers(required=True)
    write = commands.add_parser("write", help="write one form per rater, and the key that stays here")
    write.add_argument("runs", nargs="+", help="results/<run> …")
    write.add_argument("--instrument", default="ctrs", help="a shipped instrument, or a YAML file (ctrs)")
    write.add_argument("--wording", default="", help="the YAML file with licensed wording")
    write.add_argument(
        "--raters", nargs="+", required=True, help="ids of small letters and digits; the forms show them"
    )
    write.add_argument("--overlap", type=int, help="clients that all raters rate, the rest is divided (all clients)")
    write.add_argument("--sessions", type=int, default=0, help="sessions of each run; 0: all (0)")
    write.add_argument("--faces", choices=("counselor", "client", "none"), default="counselor", help="which are shown")
    write.add_argument("--seed", type=int, default=42, help="of codes, division and orders (42)")
    write.add_argument("--name", help="folder below results/ (forms-<instrument>)")
    write.add_argument("--formats", nargs="+", choices=("html", "csv", "label-studio", "qualtrics"), default=["html"])
    write.add_argument("--fresh", action="store_true", help="remove an earlier study of this name")
    write.set_defaults(act=_write)
    read = commands.add_parser("import", help="check returned files, and write their ratings to the runs")
    read.add_argument("study", help="results/<name>")
    read.add_argument("files", nargs="+", type=Path)
    read.add_argument("--source", choices=tuple(READERS), default="form", help="the format of the files (form)")
    read.add_argument("--replace", action="store_true", help="other answers than before replace them")
    read.set_defaults(act=_import)
    agree = commands.add_parser("agreement", help="print how far raters agree with each other and with judges")
    agree.add_argument("study", help="results/<name>")
    agree.add_argument("--seed", type=int, default=42, help="of the bootstrap (42)")
    agree.set_defaults(act=_agree)
    leave = commands.add_parser("withdraw", help="take the ratings of one person or judge out of runs; they are kept")
    leave.add_argument("folders", nargs="+", help="results/<name> of a study of forms (--rater), or of runs (--judge)")
    who = leave.add_mutually_exclusive_group(required=True)
    who.add_argument("--rater", help="id of a rater of the study: what came back by its forms")
    who.add_argument("--judge", help="as the ratings name it, such as a model, or 'human anna'")
    leave.add_argument("--instrument", default="", help="with --judge: only ratings by this instrument")
    leave.set_defaults(act=_withdraw)
    return parser


def _write(given: argparse.Namespace) -> None:
    settings = FormSettings(
        runs=tuple(given.runs),
        instrument=given.instrument,
        wording=given.wording,
        raters=tuple(given.raters),
        overlap=given.overlap,
        sessions=given.sessions,
        faces=given.faces,
        seed=given.seed,
        formats=tuple(given.formats),
    )
    name = given.name or f"forms-{Path(given.instrument.replace(':', '-')).stem}"
    for path in write_study(name, settings, given.fresh):
        print(f"{display_path(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    print(f"The key stays here: {display_path(output_path('results') / name / 'key.json')}")


def _import(given: argparse.Namespace) -> None:
    results = import_files(output_path(given.study), given.files, given.source, given.replace)
    for one in results:
        print(_told(one))
    if any(one.faults for one in results):
        sys.exit(1)


def _told(one: Returned) -> str:
    """What became of a form, for the terminal."""
    name = f"{one.path}: {one.rater or 'no form'}"
    if one.faults:
        return "\n  ".join([f"{name}: refused, nothing was imported:", *one.faults])
    done = f"{one.written} rated parts written" if one.written else "nothing new"
    if not one.missing:
        return f"{name}: complete, {done}"
    shown = [*one.missing[:10], *([f"and {len(one.missing) - 10} more"] if len(one.missing) > 10 else [])]
    return "\n  ".join([f"{name}: incomplete, {done}; not rated:", *shown])


def _withdraw(given: argparse.Namespace) -> None:
    folders = [output_path(folder) for folder in given.folders]
    if given.rater:
        found = [one for study in folders for one in withdraw_rater(study, given.rater)]
    else:
        if missing := [display_path(folder) for folder in folders if not folder.is_dir()]:
            raise FormsError(f"no such folder {', '.join(missing)}; give results/<run> of rated runs")
        found = withdraw(folders, given.judge, given.instrument)
    if not found:
        names = ", ".join(sorted({line for folder in folders for line in judges(folder)}))
        raise FormsError(f"no rating by {given.rater or given.judge} there" + (f"; there are {names}" if names else ""))
    for one in found:
        print(f"{display_path(one.path)}: {one.lines} ratings withdrawn, kept in {display_path(one.kept)}")


def _agree(given: argparse.Namespace) -> None:
    print(agreement_text(study_agreement(output_path(given.study), given.seed)))


if __name__ == "__main__":
    run_command(main)
