"""What happened in a session: its turns as records, in a folder that can be read whatever moment a run dies at.

`python -m mirror.transcripts results/<run>/sessions/<idx>` prints a session for reading. Knows nothing of models.
"""

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image
from pydantic import ValidationError

from mirror.files.atomic import write_bytes
from mirror.files.digests import digest, is_digest, matches_own_digest, with_own_digest
from mirror.files.json_file import read_json, strict_json, write_json
from mirror.paths import display_path
from mirror.run_folder import RunConflict, differences
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import AttemptRecord, Turn

REMOVE = "restore it, or remove the session's folder to counsel this client again"
DAMAGED = "the file was changed or damaged"


class TranscriptError(ValueError):
    """A transcript that cannot be read: the message names file, line and fault."""


# On disk --------------------------------------------------------------------------------------------------------------


class SessionFolder:
    """The folder of one session, written by one process.

    `client.json`, `turns.jsonl`, `faces/`, `timings.jsonl`, at last `end.json`.

    A turn is there when its line is whole, and its faces are there before it. What a killed run left beside the whole
    turns is not read, and goes with the next write, so that the files end up those of an unbroken run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def turns(self) -> tuple[Turn, ...]:
        """All turns that are there. Changes nothing, and may be asked while another process writes.

        Raises:
            TranscriptError: a whole line is no turn of this version, or not the next turn, or a session that ended has
                fewer turns, or more, than when it ended.
        """
        path = self.folder / "turns.jsonl"
        turns = tuple(_read_turn(line, number, path) for number, line in enumerate(_whole_lines(path), 1))
        ended = self.ended
        if ended and ended["status"] == "complete" and len(turns) != ended["turns"]:
            raise TranscriptError(
                f"{display_path(path)} holds {len(turns)} turns, and the session was complete with {ended['turns']}; "
                f"restore the file, or remove {display_path(self.folder)} to counsel this client again"
            )
        return turns

    @property
    def client(self) -> dict[str, Any] | None:
        """Who the client is, as the table said when the session began; None before."""
        return _read_object(self.folder / "client.json")

    def check_client(self, profile: Profile) -> None:
        """Raises RunConflict where the session was begun with another client of this name."""
        told = _client(profile)
        if changed := differences(self.client or told, told, frozenset({"portraits"})):
            raise RunConflict(
                f"{display_path(self.folder)} was begun with another client {profile.idx}: {'; '.join(changed)}; "
                "give the table back its row, or start another run (run) or this one over (fresh)"
            )

    def begin(self, profile: Profile) -> None:
        """Puts down who the client is, before the first turn."""
        if self.client != _client(profile):  # a portrait may have been replaced by one that can be used
            write_json(self.folder / "client.json", _client(profile))

    def append(self, turn: Turn, images: Mapping[str, Image.Image], seconds: Mapping[str, float]) -> None:
        """Puts a turn on disk: pictures, by file, then its line. A session that had failed goes on with it.

        Raises:
            ValueError: not the next turn, other pictures than it names, or a turn that could not be read again.
            RuntimeError: the session is complete.
        """
        _check_images(turn.face.files if turn.face else [], images)
        path, line = self.folder / "turns.jsonl", turn.model_dump_json()
        if (there := len(self.turns())) != turn.number - 1:
            raise ValueError(f"{display_path(path)} holds {there} turns; turn {turn.number} is not the next")
        if _read_turn(line.encode(), turn.number, path) != turn:
            raise ValueError(f"turn {turn.number} would not be the same when read again: {line:.200}")
        self._mend()
        self._write_images(images)
        _append_line(path, line)
        _append_line(self.folder / "timings.jsonl", json.dumps({"turn": turn.number, "seconds": dict(seconds)}))

    def timings(self) -> dict[int, dict[str, float]]:
        """The seconds of each stage by turn, shared among the turns taken together: they add up over sessions.

        A run that was killed may lack a turn.
        """
        path = self.folder / "timings.jsonl"
        seconds = {}
        for number, line in enumerate(_whole_lines(path), 1):
            try:
                timing = strict_json(line)
                seconds[timing["turn"]] = {str(stage): float(value) for stage, value in timing["seconds"].items()}
            except (ValueError, TypeError, KeyError, AttributeError):
                raise TranscriptError(f"{_line(path, number)}: holds no times of a turn; remove the file") from None
        return seconds

    def end(
        self,
        status: Literal["complete", "failed"],
        reason: str,
        attempts: Sequence[AttemptRecord] = (),
        images: Mapping[str, Image.Image] = MappingProxyType({}),
    ) -> None:
        """Says in the last file how the session ended; `attempts` and `images` are of a turn that found no face.

        The last file of a complete session holds the size and SHA-256 of every other file, so that damage is noticed.

        Raises:
            ValueError: other pictures than the attempts name.
            RuntimeError: the session is complete already.
        """
        _check_images([attempt.file for attempt in attempts], images)
        ending = {"status": status, "reason": reason, "turns": len(self._mend())}
        if attempts:
            ending["attempts"] = [attempt.model_dump(mode="json") for attempt in attempts]
        self._write_images(images)
        if status == "complete":
            ending["files"] = self._digests()
        write_json(self.folder / "end.json", with_own_digest(ending))

    def _digests(self) -> dict[str, dict[str, Any]]:
        """Size (bytes) and SHA-256 of the client, the turns and their faces, by file."""
        faces = {file for turn in self.turns() if turn.face for file in turn.face.files}
        paths = {file: self.folder / file for file in ("client.json", "turns.jsonl", *sorted(faces))}
        return {file: digest(path) for file, path in paths.items() if path.is_file()}

    @property
    def ended(self) -> dict[str, Any] | None:
        """How it ended (`status`, `reason`, `turns`, …); None for a session under way.

        Raises:
            TranscriptError: the file is damaged.
        """
        path = self.folder / "end.json"
        ending = _read_object(path)
        if ending is not None:
            is_whole = ending.get("status") in ("complete", "failed") and isinstance(ending.get("turns"), int)
            if not is_whole or not isinstance(ending.get("reason"), str):
                raise TranscriptError(f"{display_path(path)} does not say how the session ended; {REMOVE}")
            if not matches_own_digest(ending) or not all(map(is_digest, ending.get("files", {}).values())):
                raise TranscriptError(f"{display_path(path)} was changed since the session ended; {REMOVE}")
        return ending

    def _mend(self) -> tuple[Turn, ...]:
        """Removes what belongs to no whole turn: torn lines, pictures, the end of a session that failed."""
        turns, ended = self.turns(), self.ended
        if ended and ended["status"] == "complete":
            raise RuntimeError(f"{display_path(self.folder)}: the session is complete; nothing can follow")
        (self.folder / "end.json").unlink(missing_ok=True)
        for path in (self.folder / "turns.jsonl", self.folder / "timings.jsonl"):
            whole = sum(len(line) + 1 for line in _whole_lines(path))
            if path.exists() and path.stat().st_size > whole:
                os.truncate(path, whole)
        named = {self.folder / file for turn in turns if turn.face for file in turn.face.files}
        for path in {*self.folder.glob("faces/*"), *self.folder.glob(".*.partial")} - named:
            path.unlink()
        return turns

    def _write_images(self, images: Mapping[str, Image.Image]) -> None:
        for file, image in images.items():
            content = io.BytesIO()
            image.save(content, "PNG", icc_profile=None)  # the pixels alone decide the bytes
            write_bytes(self.folder / file, content.getvalue())


def _read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object of a file; None where there is no file. Raises TranscriptError where it is damaged."""
    if not path.is_file():
        return None
    try:
        return read_json(path)
    except ValueError as error:
        raise TranscriptError(f"{error}; {REMOVE}") from None


def _client(profile: Profile) -> dict[str, Any]:
    return asdict(profile) | {"portraits": [display_path(path) for path in profile.portraits]}


def _read_turn(line: bytes, number: int, path: Path) -> Turn:
    try:
        strict_json(line)
        turn = Turn.model_validate_json(line)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        told = "; ".join(": ".join([*map(str, fault["loc"]), fault["msg"]]) for fault in faults)
        later = any(fault["type"] in ("extra_forbidden", "unknown_field") for fault in faults)
        hint = "a later version wrote it: read it with that one" if later else DAMAGED
        raise TranscriptError(f"{_line(path, number)}: is no turn of this version ({told:.500}); {hint}") from None
    except ValueError as error:
        raise TranscriptError(f"{_line(path, number)}: is no turn (Invalid JSON: {error}); {DAMAGED}") from None
    if turn.number != number:
        raise TranscriptError(f"{_line(path, number)}: holds turn {turn.number}; lines were lost or added by hand")
    return turn


def _line(path: Path, number: int) -> str:
    return f"{display_path(path)}: line {number}"


def _check_images(files: Iterable[str], images: Mapping[str, Image.Image]) -> None:
    if differing := set(files) ^ images.keys():
        raise ValueError(f"pictures and record must name the same files; only one of them names {sorted(differing)}")


def _whole_lines(path: Path) -> list[bytes]:
    """The lines that are whole; what follows the last line feed was torn off by a kill."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def _append_line(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
