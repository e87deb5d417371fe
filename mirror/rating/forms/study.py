"""A study of human raters, `results/<name>/`: its forms, its key, and its settings.

`forms/` holds what raters get; `key.json`, which resolves the codes, lies beside it and is given to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mirror.files.atomic import discard, write_text
from mirror.files.digests import content_digest
from mirror.paths import display_path, output_path
from mirror.rating.forms.assignment import Assignment, assign
from mirror.rating.forms.exchange.csv_form import csv_forms
from mirror.rating.forms.exchange.label_studio import label_studio_files
from mirror.rating.forms.exchange.qualtrics import qualtrics_file
from mirror.rating.forms.form import Form
from mirror.rating.forms.key import FILE as KEY
from mirror.rating.forms.key import Key, KeyForm, KeySession, read_key, stored_path, write_key
from mirror.rating.forms.page import form_page
from mirror.rating.forms.sessions import Faces, RatedSession, rated_sessions, shown_turns
from mirror.rating.instrument import Instrument, read_instruments
from mirror.rating.revision.versions import instrument_digest, reversed_items
from mirror.run_folder import Run, RunConflict
from mirror.transcripts.arm import Arm

FOLDER = "forms"
Format = Literal["html", "csv", "label-studio", "qualtrics"]


class FormsError(ValueError):
    """Forms that cannot be written as asked. The message says why, and what to do."""


@dataclass(frozen=True)
class FormSettings:
    """What is asked of raters.

    Attributes:
        runs: the folders of the runs, as given.
        instrument: the name of an instrument, or its file.
        wording: the file with licensed wording; empty if there is none.
        raters: their ids, which stand in the forms.
        overlap: the number of clients that all raters rate; None: all clients.
        sessions: how many sessions of each run are rated; 0: all.
        faces: which faces are shown (`mirror.rating.forms.sessions.shown_turns`).
        seed: of codes, division and orders.
        formats: what is written beside the HTML forms.
    """

    runs: tuple[str, ...]
    instrument: str
    wording: str
    raters: tuple[str, ...]
    overlap: int | None
    sessions: int
    faces: Faces
    seed: int
    formats: tuple[Format, ...] = ("html", "csv")

    def record(self) -> dict[str, Any]:
        """The settings as `settings.yaml` keeps them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def write_study(name: str, settings: FormSettings, fresh: bool = False) -> list[Path]:
    """Writes the forms and the key of a study; the same settings give the same forms.

    Where all raters rate all clients, further raters can be added to a study later: only their forms are written.

    Args:
        name: of the folder below `results/`.
        settings: what is asked of whom.
        fresh: remove an earlier study of this name, with what was returned to it.

    Returns:
        The files for the raters.

    Raises:
        FormsError: there is nothing to rate, or it is not what an earlier study of this name was written for.
        AssignmentError, ArmError, InstrumentError, RunConflict, TranscriptError, PictureError: an input is unusable.
    """
    instrument, settings = _instrument(settings), _with_earlier_raters(name, settings, fresh)
    arms = [Arm.read(output_path(run)) for run in settings.runs]
    names = [arm.folder.name for arm in arms]
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise FormsError(f"{', '.join(twice)} is named twice; give each run once, in folders with different names")
    rated = {(one.run, one.idx): one for arm in arms for one in rated_sessions(arm, instrument, settings.sessions)}
    if not rated:
        raise FormsError(f"{', '.join(names)}: no complete session to rate; counsel first")
    assignment = assign(list(rated), settings.raters, settings.overlap, settings.seed)
    key = _key({arm.folder.name: arm.folder for arm in arms}, rated, assignment, instrument)
    run = _open(name, settings, key, fresh)
    with run.working("writing forms"):
        earlier = set(read_key(run.folder).forms) if (run.folder / KEY).is_file() else set[str]()
        if earlier == key.forms.keys() or not earlier:
            discard(run.folder / FOLDER)
            earlier = set()
        write_key(run.folder, key)
        shown = {assignment.codes[one]: shown_turns(rated[one], instrument, settings.faces) for one in rated}
        paths = []
        for id, form in key.forms.items():
            if id in earlier:  # its rater has it
                continue
            sessions = {code: (tuple(key.sessions[code].parts), shown[code]) for code in form.codes}
            files = _files(Form(id, form.rater, instrument, key.instrument_sha256, sessions), settings.formats)
            for file, text in files.items():
                write_text(run.folder / FOLDER / file, text)
                paths.append(run.folder / FOLDER / file)
        facts = {"instrument": instrument.facts(), "rated_runs": [display_path(arm.folder) for arm in arms]}
        run.record("complete", sessions=len(rated), forms=len(key.forms), **facts)
    return paths


def _instrument(settings: FormSettings) -> Instrument:
    found = read_instruments([settings.instrument], settings.wording)
    if len(found) > 1:
        each = " and ".join(f"--instrument {settings.instrument}:{one.moment}" for one in found)
        raise FormsError(
            f"{settings.instrument} rates {len(found)} moments of a session, and a form holds one; write one study for "
            f"each: {each}"
        )
    return found[0]


def _open(name: str, settings: FormSettings, key: Key, fresh: bool) -> Run:
    """Opens the folder of the study, unless its key would be lost."""
    try:
        run = Run(
            name, settings.record(), frozenset({"formats", *(["raters"] if settings.overlap is None else [])}), fresh
        )
    except RunConflict as error:
        advice = "a rater can be added only where all rate all clients (no --overlap)"
        text = str(error).replace("-p run NAME", "--name NAME").replace("-p fresh True", "--fresh")
        raise FormsError(f"{text}; {advice}" if "raters was" in text else text) from None
    if not fresh and (run.folder / KEY).is_file() and not _holds(key, read_key(run.folder)):
        raise FormsError(
            f"{display_path(run.folder)}: the runs have other sessions than when its forms were written, and with "
            "another key those could not be imported; give these forms another name (--name), or start over (--fresh)"
        )
    return run.open()


def _holds(key: Key, earlier: Key) -> bool:
    """Whether a key has all forms of an earlier one, and differs in nothing else."""
    return earlier.forms.items() <= key.forms.items() and key.model_copy(update={"forms": earlier.forms}) == earlier


def _with_earlier_raters(name: str, settings: FormSettings, fresh: bool) -> FormSettings:
    """Adds the raters that a study of this name has, if all rate all clients: their forms stay as they are."""
    folder = output_path("results") / name
    if fresh or settings.overlap is not None or not (folder / KEY).is_file():
        return settings
    earlier = [form.rater for form in read_key(folder).forms.values()]
    return replace(settings, raters=(*dict.fromkeys([*earlier, *settings.raters]),))


def _files(form: Form, formats: Sequence[Format]) -> dict[str, str]:
    """The files of a rater, by name."""
    files = {f"{form.rater}.html": form_page(form)} if "html" in formats else {}
    files |= csv_forms(form) if "csv" in formats else {}
    files |= label_studio_files(form) if "label-studio" in formats else {}
    return files | (qualtrics_file(form) if "qualtrics" in formats else {})


def _key(
    folders: dict[str, Path],
    rated: dict[tuple[str, str], RatedSession],
    assignment: Assignment,
    instrument: Instrument,
) -> Key:
    digest = instrument_digest(instrument)
    sessions = {
        code: KeySession(
            run=stored_path(folders[run]),
            idx=idx,
            parts=list(rated[run, idx].parts),
            turns_sha256=rated[run, idx].digest,
        )
        for (run, idx), code in assignment.codes.items()
    }
    forms = {}
    for rater, codes in assignment.orders.items():
        shown = [(code, sessions[code].model_dump(mode="json")) for code in codes]
        content = {"rater": rater, "instrument": digest, "sessions": shown}
        forms[content_digest(content)[:12]] = KeyForm(rater=rater, codes=list(codes))
    return Key(
        instrument=instrument.name,
        instrument_sha256=digest,
        items=[item.id for item in instrument.items],
        reversed=reversed_items(instrument),
        lowest=instrument.scale.lowest,
        highest=instrument.scale.highest,
        forms=forms,
        sessions=sessions,
    )
