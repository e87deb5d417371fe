"""The key of a study: which code is which session. It stays with the study, and no form contains any of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.files.digests import matches_own_digest, with_own_digest, without_own_digest
from mirror.files.json_file import read_json, write_json
from mirror.paths import display_path, output_path

FILE = "key.json"
Part = tuple[str, int | None]  # what is rated at once: a session's code, and a turn or None for the whole session
RATER = r"^[a-z0-9][a-z0-9_-]{0,30}$"  # an id
RaterId = Annotated[str, Field(pattern=RATER)]


class KeyFileError(ValueError):
    """A missing or damaged key. The message names the file, the fault and the remedy."""


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class KeySession(_Record):
    """The session behind a code; `run` is the folder of the run, `turns_sha256` the digest of the transcript shown."""

    run: str
    idx: str
    parts: list[int | None]
    turns_sha256: str


class KeyForm(_Record):
    """A form: its rater, and the codes of its sessions in order."""

    rater: RaterId
    codes: list[str]


class Key(_Record):
    """All forms of a study.

    Attributes:
        instrument: the name of the instrument.
        instrument_sha256: of the instrument with its wording.
        items: the ids of its items.
        reversed: the ids of its reversed items.
        lowest, highest: the ends of its scale.
        forms: by form id.
        sessions: by code.
    """

    format: Literal["counseling rating key"] = "counseling rating key"
    version: Literal[1] = 1
    instrument: str
    instrument_sha256: str
    items: list[str]
    reversed: list[str] = []
    lowest: int
    highest: int
    forms: dict[str, KeyForm]
    sessions: dict[str, KeySession]

    def parts(self, form: str) -> Iterator[Part]:
        """Yields what the rater of a form rates, in order."""
        for code in self.forms[form].codes:
            yield from ((code, turn) for turn in self.sessions[code].parts)

    def run_folder(self, code: str) -> Path:
        """Returns the folder of a session's run."""
        return output_path(self.sessions[code].run)


def stored_path(folder: Path) -> str:
    """Returns a folder relative to the output folder if it is below it, as `output_path` reads it."""
    base = output_path(".")
    return str(folder.relative_to(base)) if folder.is_relative_to(base) else str(folder)


def write_key(study: Path, key: Key) -> None:
    """Writes the key of a study, with its own digest."""
    write_json(study / FILE, with_own_digest(key.model_dump(mode="json")))


def read_key(study: Path) -> Key:
    """Reads the key of a study.

    Raises:
        KeyFileError: the file is missing, was changed, or is of another version.
    """
    path = study / FILE
    try:
        record = read_json(path)
        if not matches_own_digest(record):
            raise KeyFileError(f"{display_path(path)} was changed since it was written; restore it")
        return Key.model_validate_json(json.dumps(without_own_digest(record)))
    except OSError:
        raise KeyFileError(
            f"{display_path(path)} is missing, so codes cannot be resolved; give the folder of a study that "
            "`python -m mirror.rating.forms write` has written"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise KeyFileError(f"{display_path(path)}: {where}: {first['msg']}; restore the file") from None
    except KeyFileError:
        raise
    except ValueError as error:
        raise KeyFileError(f"{error}; restore it") from None
