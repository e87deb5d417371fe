"""The folder of a session: its client, turns, faces and timings, readable at any moment, even after a kill.

`python -m mirror.transcripts results/<run>/sessions/<idx>` prints a session for reading.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image
from pydantic import ValidationError

from mirror.files.atomic import write_bytes
from mirror.files.digests import are_digests, digest, matches_own_digest, with_own_digest
from mirror.files.image_file import png
from mirror.files.json_file import read_json, strict_json, write_json
from mirror.paths import display_path
from mirror.run_folder import RunConflict, differences
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import AttemptRecord, Turn

REMOVE = "restore it, or remove the session's folder to counsel this client again"
DAMAGED = "the file was changed or damaged"
SESSION = "session.json"  # of every session but a client's first
Picture = Image.Image | bytes  # or as a PNG file


class TranscriptError(ValueError):
    """A damaged transcript. The message names the file, the line and the fault."""


class SessionFolder:
    """The folder of one session, written by one process.

    Files: `client.json`, `turns.jsonl`, `faces/`, `timings.jsonl` and, after the session, `end.json`. A session of a
    client that has had one before also has `session.json`, which says which it is and what is remembered.

    A turn exists once its line is complete; its faces are written before the line. Other files that a killed run left
    are ignored, and removed by the next write, so that the result equals that of an uninterrupted run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[str, Picture] = {}  # by file: faces of the next turn that are on disk already

    def turns(self) -> tuple[Turn, ...]:
        """Read all complete turns. Changes nothing; safe while another process writes.

        Raises:
            TranscriptError: a complete line is not a turn of this version or not the next turn, or a complete session
                has another number of turns than when it ended.
        """
        path = self.folder / "turns.jsonl"
        turns = tuple(_read_turn(line, number, path) for number, line in enumerate(_complete_lines(path), 1))
        ended = self.ended
        if ended and ended["status"] == "complete" and len(turns) != ended["turns"]:
            raise TranscriptError(
                f"{display_path(path)} holds {len(turns)} turns, but the session ended with {ended['turns']}; "
                f"restore the file, or remove {display_path(self.folder)} to counsel this client again"
            )
        return turns

    @property
    def client(self) -> dict[str, Any] | None:
        """The client, as in the table when the session began; None before it has begun."""
        return _read_object(self.folder / "client.json")

    def check_client(self, profile: Profile) -> None:
        """Check that the session was begun with this client.

        Raises:
            RunConflict: the table had other values for this client when the session began.
        """
        now = _client(profile)
        if changed := differences(self.client or now, now, frozenset({"portraits"})):
            raise RunConflict(
                f"{display_path(self.folder / 'client.json')} holds another client {profile.idx}: "
                f"{'; '.join(changed)}; restore the row of the table, or start another run (run) or this one over "
                "(fresh)"
            )

    def begin(self, profile: Profile) -> None:
        """Write the client, before the first turn."""
        if self.client != _client(profile):  # an unusable portrait may have been replaced
            write_json(self.folder / "client.json", _client(profile))

    def write_faces(self, images: Mapping[str, Picture]) -> None:
        """Write faces of the next turn ahead of its line, so that `append` need not; another end removes them again.

        Args:
            images: the faces, by file name relative to the session's folder.

        Raises:
            RuntimeError: the session is complete.
        """
        self._mend()
        self._written = {}
        self._write_images(images)
        self._written = dict(images)

    def append(
        self, turn: Turn, images: Mapping[str, Picture], seconds: Mapping[str, float], elapsed: float | None = None
    ) -> None:
        """Write a turn: first its faces, then its line. Continues a session that had failed.

        Args:
            turn: the next turn.
            images: its faces, by file name relative to the session's folder.
            seconds: the time of each stage.
            elapsed: the turn's share of the seconds that passed; less than the sum of its stages where turns overlap.

        Raises:
            ValueError: not the next turn, other images than it names, or a turn that would change when read again.
            RuntimeError: the session is complete.
        """
        _check_images(turn.files, images)
        path, line = self.folder / "turns.jsonl", turn.model_dump_json()
        if (count := len(self.turns())) != turn.number - 1:
            raise ValueError(f"{display_path(path)} holds {count} turns; turn {turn.number} is not the next")
        if _read_turn(line.encode(), turn.number, path) != turn:
            raise ValueError(f"turn {turn.number} would change when read again: {line:.200}")
        ahead = {file for file, image in images.items() if self._written.get(file) is image}
        self._mend(ahead)
        self._write_images({file: image for file, image in images.items() if file not in ahead})
        self._written = {}
        _append_line(path, line)
        timing = {"turn": turn.number, "seconds": dict(seconds)} | ({} if elapsed is None else {"elapsed": elapsed})
        _append_line(self.folder / "timings.jsonl", json.dumps(timing), is_awaited=False)

    def timings(self) -> dict[int, dict[str, float]]:
        """Read the seconds of each stage, by turn number. Turns may be missing after a kill.

        The time of a batch is divided among its turns, so that times can be summed over sessions.

        Raises:
            TranscriptError: the file is damaged.
        """
        return {number: seconds for number, (seconds, _) in self._timings().items()}

    def elapsed(self) -> dict[int, float]:
        """Read each turn's share of the seconds that passed, by turn number: the sum of its stages if not recorded.

        Raises:
            TranscriptError: the file is damaged.
        """
        return {number: elapsed for number, (_, elapsed) in self._timings().items()}

    def _timings(self) -> dict[int, tuple[dict[str, float], float]]:
        path = self.folder / "timings.jsonl"
        found: dict[int, tuple[dict[str, float], float]] = {}
        for number, line in enumerate(_complete_lines(path), 1):
            try:
                timing = strict_json(line)
                seconds = {str(stage): float(value) for stage, value in timing["seconds"].items()}
                found[timing["turn"]] = seconds, float(timing.get("elapsed", sum(seconds.values())))
            except (ValueError, TypeError, KeyError, AttributeError):
                raise TranscriptError(f"{_line(path, number)}: is not the times of a turn; remove the file") from None
        return found

    def end(
        self,
        status: Literal["complete", "failed"],
        reason: str,
        attempts: Sequence[AttemptRecord] = (),
        images: Mapping[str, Picture] = MappingProxyType({}),
    ) -> None:
        """Write how the session ended, and for a complete session the size and SHA-256 of its files.

        Args:
            status: `complete`, or `failed` if it can be continued.
            reason: why it ended.
            attempts: the attempts of a turn that found no face.
            images: the faces of these attempts, by file name.

        Raises:
            ValueError: other images than the attempts name.
            RuntimeError: the session is already complete.
        """
        _check_images([attempt.file for attempt in attempts], images)
        self._written = {}
        ending = {"status": status, "reason": reason, "turns": len(self._mend())}
        if attempts:
            ending["attempts"] = [attempt.model_dump(mode="json") for attempt in attempts]
        self._write_images(images)
        if status == "complete":
            ending["files"] = self._digests()
        write_json(self.folder / "end.json", with_own_digest(ending))

    def _digests(self) -> dict[str, dict[str, Any]]:
        """Return the size (bytes) and SHA-256 of the client, the turns and their faces, by file."""
        faces = {file for turn in self.turns() for file in turn.files}
        paths = {file: self.folder / file for file in ("client.json", SESSION, "turns.jsonl", *sorted(faces))}
        return {file: digest(path) for file, path in paths.items() if path.is_file()}

    @property
    def ended(self) -> dict[str, Any] | None:
        """How the session ended (`status`, `reason`, `turns`, …); None for a session in progress.

        Raises:
            TranscriptError: the file is damaged.
        """
        path = self.folder / "end.json"
        ending = _read_object(path)
        if ending is not None:
            is_valid = ending.get("status") in ("complete", "failed") and isinstance(ending.get("turns"), int)
            if not is_valid or not isinstance(ending.get("reason"), str):
                raise TranscriptError(f"{display_path(path)} does not say how the session ended; {REMOVE}")
            if not matches_own_digest(ending) or not are_digests(ending.get("files", {})):
                raise TranscriptError(f"{display_path(path)} was changed since the session ended; {REMOVE}")
        return ending

    def _mend(self, kept: Collection[str] = ()) -> tuple[Turn, ...]:
        """Remove what belongs to no complete turn: partial lines, images, the end of a session that failed.

        Args:
            kept: image files that stay.
        """
        turns, ended = self.turns(), self.ended
        if ended and ended["status"] == "complete":
            raise RuntimeError(f"{display_path(self.folder)}: the session is complete; nothing can follow")
        (self.folder / "end.json").unlink(missing_ok=True)
        for path in (self.folder / "turns.jsonl", self.folder / "timings.jsonl"):
            size = sum(len(line) + 1 for line in _complete_lines(path))
            if path.exists() and path.stat().st_size > size:
                os.truncate(path, size)
        named = {self.folder / file for turn in turns for file in turn.files}
        named |= {self.folder / file for file in kept}
        for path in {*self.folder.glob("faces/*"), *self.folder.glob(".*.partial")} - named:
            path.unlink()
        return turns

    def _write_images(self, images: Mapping[str, Picture]) -> None:
        encoded: dict[int, bytes] = {}  # the face that is shown is one of the attempts, too
        for file, image in images.items():
            if id(image) not in encoded:
                encoded[id(image)] = image if isinstance(image, bytes) else png(image)
            write_bytes(self.folder / file, encoded[id(image)])


def _read_object(path: Path) -> dict[str, Any] | None:
    """Read the JSON object in a file; None if there is no file. Raises TranscriptError if it is damaged."""
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
        message = "; ".join(": ".join([*map(str, fault["loc"]), fault["msg"]]) for fault in faults)
        is_newer = any(fault["type"] in ("extra_forbidden", "unknown_field") for fault in faults)
        hint = "a newer version wrote it; read it with that version" if is_newer else DAMAGED
        raise TranscriptError(
            f"{_line(path, number)}: is not a turn of this version ({message:.500}); {hint}"
        ) from None
    except ValueError as error:
        raise TranscriptError(f"{_line(path, number)}: is not a turn (invalid JSON: {error}); {DAMAGED}") from None
    if turn.number != number:
        raise TranscriptError(f"{_line(path, number)}: holds turn {turn.number}; lines were lost or inserted")
    return turn


def _line(path: Path, number: int) -> str:
    return f"{display_path(path)}: line {number}"


def _check_images(files: Iterable[str], images: Mapping[str, Picture]) -> None:
    if differing := set(files) ^ images.keys():
        raise ValueError(f"images and record must name the same files; only one of them names {sorted(differing)}")


def _complete_lines(path: Path) -> list[bytes]:
    """Return the complete lines; a kill may have left a partial line after the last line feed."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def _append_line(path: Path, line: str, is_awaited: bool = True) -> None:
    """Appends a line, and waits until it is on disk; one that is not awaited may be lost if the machine ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        if is_awaited:
            os.fsync(file.fileno())
