"""Looks at portraits: how many faces, of which gender and age. What was seen is kept in a journal.

An entry is found by the file's name, size and content, and by the models. A portrait is therefore looked at once,
whatever order the files come in and however often the work is stopped.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mirror.faces.attributes import FaceAttributes
from mirror.files.digests import content_digest, digest
from mirror.files.image_file import PictureError, open_picture
from mirror.files.json_lines import append_line, read_lines


class SeenFace(BaseModel):
    """One face: `woman` or `man`, and its age in years."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gender: str
    age: int


class InspectionRecord(BaseModel):
    """A line of the journal.

    Attributes:
        file: relative to the folder of portraits.
        bytes: size of the file.
        content: SHA-256 of the file, in hex.
        models: digest of the facts of the models.
        fault: why the picture cannot be read; empty if it can.
        faces: the largest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    bytes: int
    content: str
    models: str
    fault: str = ""
    faces: tuple[SeenFace, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """What was seen in a portrait.

    Attributes:
        reason: why it cannot be used: `unreadable`, `no_face` or `several_faces`; empty if it can.
        detail: the reason as a sentence.
        content: SHA-256 of the file, in hex; empty if the file cannot be read.
        gender: `woman`, `man`, or empty if nobody looked.
        age: in years; None if nobody looked.
    """

    reason: str = ""
    detail: str = ""
    content: str = ""
    gender: str = ""
    age: int | None = None


class Inspector:
    """Looks at the portraits of a folder."""

    def __init__(self, folder: Path, attributes: FaceAttributes | None, journal: Path | None) -> None:
        """Reads the journal.

        Args:
            folder: of the portraits; the journal names files relative to it.
            attributes: reads the faces; None: pictures are only opened, and their faces are not counted.
            journal: a file of JSON lines, which is made if it is missing; None: nothing is kept.

        Raises:
            JsonLinesError: a line of the journal is damaged.
        """
        self.folder, self.attributes, self.journal = folder, attributes, journal
        self.models = content_digest(attributes.facts()) if attributes else ""
        lines = read_lines(journal, InspectionRecord) if journal else []
        self._seen = {(line.file, line.bytes, line.content, line.models): line for line in lines}

    def inspect(self, path: Path) -> Inspection:
        """Look at one portrait, or return what the journal knows of it."""
        try:
            found = digest(path)
        except OSError as error:
            return Inspection("unreadable", f"cannot be read ({error.strerror})")
        key = (path.relative_to(self.folder).as_posix(), found["bytes"], found["sha256"], self.models)
        record = self._seen.get(key)
        if record is None:
            record = self._look(path, key)
            if self.journal:
                append_line(self.journal, record)
            self._seen[key] = record
        return self._judge(record)

    def _look(self, path: Path, key: tuple[str, int, str, str]) -> InspectionRecord:
        name, size, content, models = key
        record = InspectionRecord(file=name, bytes=size, content=content, models=models)
        try:
            picture = open_picture(path)
        except PictureError as error:
            return record.model_copy(update={"fault": error.fault})
        faces = self.attributes.read(picture) if self.attributes else []
        seen = tuple(SeenFace(gender=face.gender, age=face.age) for face in faces)
        return record.model_copy(update={"faces": seen})

    def _judge(self, record: InspectionRecord) -> Inspection:
        if record.fault:
            return Inspection("unreadable", record.fault, record.content)
        if self.attributes is None:
            return Inspection(content=record.content)
        if len(record.faces) != 1:
            number = len(record.faces)
            reason = "several_faces" if number else "no_face"
            return Inspection(reason, f"shows {number or 'no'} face{'s' * (number > 1)}, needed is one", record.content)
        return Inspection("", "", record.content, record.faces[0].gender, record.faces[0].age)
