"""What is on disk of the pictures of one dialogue: `<idx>/descriptions.jsonl`, `pictures.jsonl`, and `<line>.png`.

Journals grow in the order in which answers arrive. Once a dialogue is done they are put in order, so that what is on
disk then does not depend on that order.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mirror.faces.description import Description
from mirror.files.atomic import write_bytes
from mirror.files.digests import sha256
from mirror.files.json_lines import append_line, encoded, read_lines
from mirror.transcripts.verdict import Verdict

DESCRIPTIONS, PICTURES = "descriptions.jsonl", "pictures.jsonl"
_PICTURE = re.compile(r"\d+\.png|\..+\.partial")


class DescriptionRecord(BaseModel):
    """A description that was given.

    Attributes:
        line: position of the client's line in the screenplay.
        digest: of what was asked and who was asked.
        description: the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    digest: str
    description: Description


class PaintedRecord(BaseModel):
    """One painted face.

    Attributes:
        number: of the attempt, from 1.
        seed: of the noise.
        verdict: of the verifier.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    seed: int
    verdict: Verdict


class PictureRecord(BaseModel):
    """What was painted for one line.

    Attributes:
        line: position of the client's line in the screenplay.
        digest: of all that determines the faces: prompts, portraits, seeds, painter, verifier.
        portrait: name of the portrait.
        portrait_sha256: of its files; an empty text for one that is missing.
        prompt: what the painter was asked for.
        negative_prompt: what it must not paint.
        statement: what the relevance filter compared the faces with.
        attempts: all faces, in order.
        chosen: number of the attempt that is kept; None if none is.
        exhausted: whether all attempts were rejected.
        unusable: why the portrait cannot be used; empty if it can.
        file: of the kept face, in the dialogue's folder; None if none is kept.
        file_sha256: of that file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    digest: str
    portrait: str
    portrait_sha256: tuple[str, ...]
    prompt: str
    negative_prompt: str
    statement: str
    attempts: tuple[PaintedRecord, ...] = ()
    chosen: int | None = None
    exhausted: bool = False
    unusable: str = ""
    file: str | None = None
    file_sha256: str | None = None

    @property
    def outcomes(self) -> str:
        """The outcomes of all attempts, separated by commas."""
        return ", ".join(attempt.verdict.outcome for attempt in self.attempts)

    def without_picture(self) -> "PictureRecord":
        """The record if no rejected face is kept."""
        return self.model_copy(update={"chosen": None, "file": None, "file_sha256": None})


class Journal:
    """The journals and pictures of one dialogue.

    Attributes:
        folder: of the dialogue.
        descriptions: the newest record by line.
        pictures: the newest record by line.
    """

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self.folder = folder
        self.descriptions: dict[int, DescriptionRecord] = {}
        self.pictures: dict[int, PictureRecord] = {}
        self._intact: dict[int, bool] = {}

    def read(self) -> "Journal":
        """Reads what is there.

        Raises:
            JsonLinesError: a complete line of a journal is not valid.
        """
        self.descriptions = {one.line: one for one in read_lines(self.folder / DESCRIPTIONS, DescriptionRecord)}
        self.pictures = {one.line: one for one in read_lines(self.folder / PICTURES, PictureRecord)}
        self._intact.clear()
        return self

    def describe(self, record: DescriptionRecord) -> None:
        """Writes a description."""
        append_line(self.folder / DESCRIPTIONS, record)
        self.descriptions[record.line] = record

    def keep(self, record: PictureRecord, picture: bytes | None) -> None:
        """Writes a record, after its picture (a PNG file) if there is one."""
        if picture is not None:
            name = f"{record.line}.png"
            write_bytes(self.folder / name, picture)
            record = record.model_copy(update={"file": name, "file_sha256": sha256(self.folder / name)})
        append_line(self.folder / PICTURES, record)
        self.pictures[record.line] = record
        self._intact[record.line] = True

    def is_intact(self, record: PictureRecord) -> bool:
        """Whether the picture of a record is there, as it was written; True if the record has none."""
        if record.line not in self._intact:
            path = self.folder / (record.file or "")
            self._intact[record.line] = record.file is None or (path.is_file() and sha256(path) == record.file_sha256)
        return self._intact[record.line]

    def settle(self, descriptions: Sequence[DescriptionRecord], pictures: Sequence[PictureRecord]) -> None:
        """Leaves these records in this order, and no other pictures than theirs."""
        for path, content in self._out_of_order(descriptions, pictures):
            write_bytes(path, content)
        for path in self._left_over(pictures):
            path.unlink()

    def is_settled(self, descriptions: Sequence[DescriptionRecord], pictures: Sequence[PictureRecord]) -> bool:
        """Whether `settle` would change nothing."""
        return not self._out_of_order(descriptions, pictures) and not self._left_over(pictures)

    def _out_of_order(
        self, descriptions: Sequence[DescriptionRecord], pictures: Sequence[PictureRecord]
    ) -> list[tuple[Path, bytes]]:
        wanted = {
            self.folder / DESCRIPTIONS: b"".join(map(encoded, descriptions)),
            self.folder / PICTURES: b"".join(map(encoded, pictures)),
        }
        return [one for one in wanted.items() if not one[0].is_file() or one[0].read_bytes() != one[1]]

    def _left_over(self, pictures: Sequence[PictureRecord]) -> list[Path]:
        named = {record.file for record in pictures}
        return [path for path in self.folder.iterdir() if _PICTURE.fullmatch(path.name) and path.name not in named]
