"""The pictures of one dialogue: what to ask for each line, which answers on disk still stand, what comes of them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from mirror.building.dropped import Dropped
from mirror.building.pictures.journal import DescriptionRecord, Journal, PictureRecord
from mirror.building.pictures.painted import Painted
from mirror.building.portrait import Portrait
from mirror.building.screenplays import Screenplay
from mirror.faces.description import Description, DescriptionRequest
from mirror.faces.rejection_sampling import FaceRequest, PortraitUnusable
from mirror.files.digests import content_digest, sha256
from mirror.files.image_file import PictureError, open_picture
from mirror.files.lock import holder_file, locked
from mirror.prompts import Utterance, format_dialogue
from mirror.seeds import seed_for

Policy = Literal["drop_dialogue", "drop_turn", "keep_best"]
UNWANTED = "missing limbs"  # in the negative prompt of the published set, not in that of counseling
# Facts of models that say where and how fast they run, not what they answer.
_OF_THE_MACHINE = {"device", "batch_size", "compile", "providers", "url", "base_url", "left_out", "seed_bits"}


@dataclass(frozen=True)
class Method:
    """What determines the pictures, apart from texts and portraits.

    Attributes:
        describer: its determining facts.
        painter: those of painter and verifier.
        seed: of the build.
        attempts: faces per line at most, ≥ 1.
        on_exhaustion: what happens to a line without an accepted face.
    """

    describer: Mapping[str, Any]
    painter: Mapping[str, Any]
    seed: int
    attempts: int
    on_exhaustion: Policy


@dataclass(frozen=True)
class Fate:
    """What comes of a dialogue: itself with its pictures, or None, and what was left out."""

    kept: Screenplay | None
    dropped: tuple[Dropped, ...] = ()


def determining(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a model that its answers depend on; of a service, those of the models that it runs."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if name == "service":
            found |= determining(value.get("facts", value))
        elif name not in _OF_THE_MACHINE:
            found[name] = determining(value) if isinstance(value, Mapping) else value
    return found


class Dialogue:
    """One screenplay and its folder of pictures.

    Attributes:
        screenplay: the dialogue; its portrait is known.
        folder: of its journals and pictures.
        journal: what is on disk, as of the last `load` and `lock`.
        under_way: requests that are not answered yet.
    """

    def __init__(self, screenplay: Screenplay, portrait: Portrait, folder: Path, method: Method) -> None:
        """Reads nothing yet."""
        self.screenplay, self.portrait, self.folder, self.method = screenplay, portrait, folder, method
        self.under_way = 0
        self.journal = Journal(folder)
        self._held = ExitStack()
        self._digests: dict[int, str] = {}  # of the questions to the describer
        self._fatal: int | None = None

    # On disk ----------------------------------------------------------------------------------------------------------

    def load(self) -> "Dialogue":
        """Reads the journals.

        Raises:
            JsonLinesError: a complete line of a journal is not valid.
        """
        self.journal = Journal(self.folder).read()
        standing = ((line, self._standing(line)) for line in self.screenplay.client_lines)
        self._fatal = next((line for line, record in standing if record and self._is_fatal(record)), None)
        return self

    def lock(self) -> None:
        """Locks the folder and reads the journals again.

        Raises:
            FolderInUse: another process works on it.
        """
        self._held.enter_context(locked(self.folder, "painting"))
        self.load()

    def release(self) -> None:
        """Ends the lock, and forgets what is on disk."""
        self._held.close()
        self.journal = Journal(self.folder)
        self.__dict__.pop("_portraits", None)

    def settled(self) -> Fate | None:
        """What comes of the dialogue if all of it is on disk and in order; needs no lock.

        None if a process holds the dialogue, or was killed while it did: its lock is then taken over and released.
        """
        fate = self._fate()
        if fate is None or holder_file(self.folder).exists():
            return None
        return fate if self.journal.is_settled(*self._final()) else None

    def settle(self) -> Fate | None:
        """What comes of the dialogue, with its folder put in order; None if something is still to be made."""
        fate = self._fate()
        if fate is not None:
            self.journal.settle(*self._final())
        return fate

    def _final(self) -> tuple[list[DescriptionRecord], list[PictureRecord]]:
        """The records that a dialogue which is done consists of."""
        described = [self._described(line) for line in self.screenplay.client_lines]
        painted = [self._standing(line) for line in self._needed]
        return [one for one in described if one], [one for one in painted if one]

    # Descriptions -----------------------------------------------------------------------------------------------------

    def undescribed(self) -> list[int]:
        """The client's lines without a description that still stands."""
        return [line for line in self.screenplay.client_lines if self._described(line) is None]

    def description_request(self, line: int) -> DescriptionRequest:
        """What the describer reads, as in counseling: the words before, and what the client does and says."""
        said = [(one.speaker, one.words) for one in self.screenplay.lines[:line] if one.words]
        seed = seed_for(self.method.seed, "description", self.screenplay.idx, line)
        return DescriptionRequest(format_dialogue(said), self._utterance(line), seed)

    def describe(self, line: int, description: Description) -> None:
        """Writes a description."""
        self.journal.describe(
            DescriptionRecord(line=line, digest=self._description_digest(line), description=description)
        )

    def _utterance(self, line: int) -> Utterance:
        return Utterance(self.screenplay.lines[line].direction, self.screenplay.lines[line].words)

    def _description_digest(self, line: int) -> str:
        if line not in self._digests:
            asked = self.description_request(line).to_form()
            self._digests[line] = content_digest({**asked, "describer": self.method.describer})
        return self._digests[line]

    def _described(self, line: int) -> DescriptionRecord | None:
        record = self.journal.descriptions.get(line)
        return record if record and record.digest == self._description_digest(line) else None

    # Pictures ---------------------------------------------------------------------------------------------------------

    def unpainted(self) -> Iterator[int]:
        """The lines to paint, in order; none after a line that the dialogue is known to be dropped for."""
        for line in self.screenplay.client_lines:
            if self._fatal is not None and line > self._fatal:
                return
            if self._standing(line) is None:
                yield line

    def request(self, line: int) -> FaceRequest:
        """What to paint for a line that is described.

        Raises:
            PortraitUnusable: a file of the portrait cannot be read.
        """
        return self._request(line, self._portraits)

    def keep(self, line: int, painted: Painted) -> None:
        """Writes what was painted for a line."""
        record = self._blank(line).model_copy(
            update={
                "attempts": painted.attempts,
                "chosen": painted.chosen,
                "exhausted": painted.exhausted,
                "unusable": painted.unusable,
            }
        )
        self.journal.keep(record, painted.picture)
        if self._is_fatal(record) and (self._fatal is None or line < self._fatal):
            self._fatal = line

    @cached_property
    def _portraits(self) -> tuple[Image.Image, ...]:
        try:
            return tuple(map(open_picture, self.portrait.files))
        except PictureError as error:
            raise PortraitUnusable(f"the face cannot be painted: {error}", []) from error

    @cached_property
    def _portrait_digests(self) -> tuple[str, ...]:
        return tuple(sha256(path) if path.is_file() else "" for path in self.portrait.files)

    def _request(self, line: int, portraits: tuple[Image.Image, ...]) -> FaceRequest:
        description = self.journal.descriptions[line].description
        return FaceRequest(
            client=self.screenplay.idx,
            turn=line,
            gender=self.portrait.gender or self.screenplay.info.gender,
            relevance_text=description.relevance_text or self._utterance(line).cue or description.expression,
            expression=description.expression,
            contrast=description.contrast,
            portraits=portraits,
            seed=self.method.seed,
            unwanted=UNWANTED,
        )

    def _blank(self, line: int) -> PictureRecord:
        request = self._request(line, ())
        facts = {
            "seed": request.attempt_seed(1),
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "statement": request.statement,
            "portrait_sha256": self._portrait_digests,
        }
        return PictureRecord(
            line=line,
            digest=content_digest(facts | {"painter": self.method.painter}),
            portrait=self.portrait.name,
            portrait_sha256=self._portrait_digests,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            statement=request.statement,
        )

    def _standing(self, line: int) -> PictureRecord | None:
        """The record of a line if it is what this method gives and its picture is there."""
        record = self.journal.pictures.get(line)
        if record is None or self._described(line) is None or record.digest != self._blank(line).digest:
            return None
        record = record.model_copy(update={"portrait": self.portrait.name})
        if not record.exhausted:  # accepted at the last attempt, or the portrait was found unusable there
            return record if len(record.attempts) <= self.method.attempts and self.journal.is_intact(record) else None
        if len(record.attempts) != self.method.attempts:
            return None
        if self.method.on_exhaustion != "keep_best":
            return record.without_picture()
        has_best = any(one.verdict.outcome != "unsafe" for one in record.attempts)
        return record if has_best == (record.file is not None) and self.journal.is_intact(record) else None

    # What comes of it -------------------------------------------------------------------------------------------------

    def _is_fatal(self, record: PictureRecord) -> bool:
        """Whether the dialogue is dropped for this line."""
        return bool(record.unusable) or (self.method.on_exhaustion == "drop_dialogue" and record.exhausted)

    @property
    def _needed(self) -> list[int]:
        """The client's lines up to the first one that the dialogue is dropped for, as far as is known."""
        return [line for line in self.screenplay.client_lines if self._fatal is None or line <= self._fatal]

    def _fate(self) -> Fate | None:
        needed = self._needed
        found = [record for record in map(self._standing, needed) if record is not None]
        if len(found) < len(needed):
            return None
        if self._fatal is not None:
            record = found[-1]
            fault = record.unusable or f"none of {self.method.attempts} faces was accepted ({record.outcomes})"
            return Fate(
                None, (self._dropped(self._fatal, "portrait_unusable" if record.unusable else "no_face", fault),)
            )
        turns = tuple(self._dropped_turn(record) for record in found if record.file is None)
        pictures = {record.line: self.folder / record.file for record in found if record.file is not None}
        if not pictures:
            whole = self._dropped(None, "no_pictures", f"none of its {len(found)} lines of the client has a picture")
            return Fate(None, (*turns, whole))
        return Fate(replace(self.screenplay, pictures=pictures), turns)

    def _dropped_turn(self, record: PictureRecord) -> Dropped:
        kind = "safe" if self.method.on_exhaustion == "keep_best" else "accepted"
        detail = f"none of {self.method.attempts} faces was {kind} ({record.outcomes})"
        return replace(self._dropped(record.line, "no_face", detail), what="turn")

    def _dropped(self, line: int | None, reason: str, detail: str) -> Dropped:
        return Dropped("picture", self.screenplay.idx, line, reason, detail)
