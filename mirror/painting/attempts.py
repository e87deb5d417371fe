"""The attempts of all painters on disk: a line each in `attempts.jsonl`, and their pictures; readable after a kill."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from pydantic import BaseModel, ConfigDict

from mirror.faces.rejection_sampling import Attempt, closeness
from mirror.files.atomic import write_bytes
from mirror.files.digests import sha256
from mirror.files.json_lines import append_line, encoded, read_lines
from mirror.painting.settings import file_name
from mirror.painting.sitting import Key
from mirror.transcripts.verdict import Verdict

Place = tuple[str, str, str]  # painter, client, expression
FILE, FACES = "attempts.jsonl", "faces"
_NO_PICTURE = Image.new("RGB", (1, 1))


class Examination(BaseModel):
    """What the filters say of a first attempt beyond its verdict, and the controls of its sitting.

    Attributes:
        safety: share of nsfw, 0…1, lower is safer.
        relevance: cosine of face and expression.
        identity: cosine of face and portrait; None where the picture does not show exactly one face.
        swapped: cosine of face and another client's portrait; None likewise.
        without_person: cosine of a face painted from the text alone and the portrait; None likewise.
        identity_threshold: the cosine from which the filter takes two faces for the same person.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    safety: float
    relevance: float
    identity: float | None
    swapped: float | None
    without_person: float | None
    identity_threshold: float


class AttemptRecord(BaseModel):
    """One painted face.

    Attributes:
        painter: its name.
        client, expression: what was to be painted.
        number: of the attempt, from 1.
        seed: of the noise; the same for all painters.
        digest: of all that determines the picture and its verdict.
        verdict: of the filters.
        seconds: of painting and filters; those of a batch are shared equally.
        file: of the picture, in the run's folder; None for an unsafe one, which is not kept.
        file_sha256: of that file.
        examined: of the first attempt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    painter: str
    client: str
    expression: str
    number: int
    seed: int
    digest: str
    verdict: Verdict
    seconds: float
    file: str | None = None
    file_sha256: str | None = None
    examined: Examination | None = None

    @property
    def key(self) -> Key:
        """Client and expression."""
        return self.client, self.expression

    def is_last(self, attempts: int) -> bool:
        """Whether no other attempt is due, of `attempts` at most."""
        return self.verdict.accepted or self.verdict.is_final or self.number >= attempts


class AttemptFile:
    """The attempts that a run has made.

    Attributes:
        folder: of the run.
        records: by painter, client and expression, in the order of their numbers.
    """

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self.folder = folder
        self.records: dict[Place, list[AttemptRecord]] = {}

    def read(self) -> "AttemptFile":
        """Reads what is there; of a search, only the attempts before the first picture that is missing or changed.

        Raises:
            JsonLinesError: a complete line is not valid.
        """
        self.records = {}
        for record in read_lines(self.folder / FILE, AttemptRecord):
            made = self.of(record.painter, record.key)
            del made[record.number - 1 :]  # painted again after a picture was lost
            if len(made) == record.number - 1 and self._is_intact(record):
                made.append(record)
        return self

    def _is_intact(self, record: AttemptRecord) -> bool:
        path = self.folder / (record.file or "")
        return record.file is None or (path.is_file() and sha256(path) == record.file_sha256)

    def of(self, painter: str, key: Key) -> list[AttemptRecord]:
        """The attempts of a painter for client and expression, in order."""
        return self.records.setdefault((painter, *key), [])

    def add(self, record: AttemptRecord, image: Image.Image) -> None:
        """Writes an attempt, after its picture."""
        if record.verdict.outcome != "unsafe":
            name = f"{FACES}/{record.painter}/{record.client}/{file_name(record.expression)}-{record.number}.png"
            write_bytes(self.folder / name, _png(image))
            digest = sha256(self.folder / name)
            record = record.model_copy(update={"file": name, "file_sha256": digest})
        append_line(self.folder / FILE, record)
        self.of(record.painter, record.key).append(record)

    def settle(self, painters: Sequence[str], keys: Sequence[Key]) -> dict[Place, list[AttemptRecord]]:
        """Puts the lines in order, so that the file does not depend on batches; returns the attempts in this order."""
        ordered = {(painter, *key): self.of(painter, key) for painter in painters for key in keys}
        content = b"".join(encoded(record) for search in ordered.values() for record in search)
        path = self.folder / FILE
        if not path.is_file() or path.read_bytes() != content:
            write_bytes(path, content)
        return ordered


def chosen(records: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """The attempt that a counselor would see: the accepted one, else the best that is not unsafe; None if all are."""
    safe = [record for record in records if record.verdict.outcome != "unsafe"]
    accepted = next((record for record in safe if record.verdict.accepted), None)
    return accepted or max(safe, key=lambda record: closeness(_as_attempt(record)), default=None)


def _as_attempt(record: AttemptRecord) -> Attempt:
    return Attempt(record.number, record.seed, _NO_PICTURE, record.verdict)


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG", icc_profile=None)  # only the pixels determine the bytes
    return content.getvalue()
