"""What happened in a session: its turns as records, in a folder that can be read whatever moment a run dies at.

`python -m mirror.transcript results/<run>/sessions/<idx>` prints a session for reading. Knows nothing of models.
"""

import argparse
import io
import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image
from pydantic import ValidationError

from mirror.digests import digest, is_digest, matches_own_digest, with_own_digest
from mirror.profile import Profile
from mirror.run import display_path, read_json, strict_json, write_bytes, write_json
from mirror.run_folder import RunConflict, differences
from mirror.turn import AttemptRecord, Conversation, FaceRecord, Turn

__all__ = ["AttemptRecord", "Conversation", "FaceRecord", "SessionFolder", "TranscriptError", "Turn", "format_session"]

REMOVE = "restore it, or remove the session's folder to counsel this client again"
DAMAGED = "the file was changed or damaged"
WIDTH = 100  # columns of a printed session


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


# For reading ----------------------------------------------------------------------------------------------------------


def format_session(session: SessionFolder) -> str:
    """A session as plain text, at most `WIDTH` columns wide."""
    turns, ended = session.turns(), session.ended
    end = f"{ended['status']}: {ended['reason']}" if ended else "under way, or stopped"
    head = [("session", [session.folder.resolve().name]), *_client_rows(session.client or {})]
    head += [("turns", [str(len(turns))]), ("end", [end])]
    if limits := {name: limit for turn in turns if turn.face for name, limit in turn.face.limits.items()}:
        head.append(("limits", [", ".join(f"{name} {limit:.3f}" for name, limit in limits.items())]))
    blocks = [sum((_row(label, paragraphs) for label, paragraphs in head), [])]
    technique = ""
    for turn in turns:
        rows = [_row(label, paragraphs) for label, paragraphs in _turn_rows(turn, turn.technique != technique)]
        blocks.append([f"{turn.number}.", *sum(rows, [])])
        technique = turn.technique
    return "\n\n".join("\n".join(block) for block in blocks)


def _client_rows(client: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    if client:
        yield "client", [client["personal_info"]]
        yield "resistance", [client["resistance"]]
        yield "reason", [client["reason"]]
        yield "thought", [client["distorted_thought"]]


def _turn_rows(turn: Turn, is_new: bool) -> Iterator[tuple[str, list[str]]]:
    cue = f"[{turn.cue}] " * bool(turn.cue)
    yield "client", [f"{cue}{turn.words or '(silent)'}" + " (ends the session)" * turn.ended]
    if turn.face:
        chosen = "none accepted, the best shown: " if turn.face.exhausted else ""
        yield "face", [f"{turn.face.file} ({chosen}attempt {turn.face.chosen} of {len(turn.face.attempts)})"]
        if turn.face.statement:
            yield "", [f"compared with: {turn.face.statement}"]
        for tried in turn.face.attempts:
            scores = ", ".join(f"{check.name} {check.score:.3f}" for check in tried.verdict.checks)
            yield "", [f"{tried.number}: {tried.verdict.outcome}" + f" ({scores})" * bool(scores)]
    if turn.caption:
        yield "caption", [turn.caption]
    if not turn.technique and (asked := turn.counselor_raw.get("planning")) is not None:
        fault = "none, the answer ran out of tokens" if "planning" in turn.cut_off else "none that can be read in"
        yield "plan", [f"{fault}: {asked or '(no answer)'}"]
    if turn.technique and is_new:
        yield "technique", [turn.technique]
        yield "plan", [f"{number}. {step}" for number, step in enumerate(turn.plan, 1)]
    if turn.dropped_utterances or turn.cut_characters:
        missing = [f"the first {turn.dropped_utterances} utterances"] * bool(turn.dropped_utterances)
        missing += [f"the first {turn.cut_characters} characters of the newest one"] * bool(turn.cut_characters)
        yield "context", [f"without {' and '.join(missing)}"]
    if turn.reply:
        yield "counselor", [turn.reply + " (ran out of tokens)" * ("response" in turn.cut_off)]


def _row(label: str, paragraphs: Iterable[str]) -> list[str]:
    """Lines with the label before the first of them; what a terminal would take for a command is left out."""
    shown = ("".join(c if c.isprintable() else " " for c in paragraph) for paragraph in paragraphs)
    lines = [line for paragraph in shown for line in textwrap.wrap(paragraph, WIDTH - 13)]
    return [f"  {label if place == 0 else '':<11}{line}" for place, line in enumerate(lines)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror.transcript", description="prints a session for reading")
    parser.add_argument("folder", type=Path, help="results/<run>/sessions/<idx>")
    session = SessionFolder(parser.parse_args().folder)
    if not any((session.folder / name).is_file() for name in ("turns.jsonl", "end.json")):
        parser.error(f"{session.folder} holds no session: there is neither turns.jsonl nor end.json")
    try:
        print(format_session(session))
    except TranscriptError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
