"""The pictures of a folder of portraits: whom each shows, and which of them a screenplay names. Opens none of them."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mirror.building.dropped import Dropped, Sifted
from mirror.building.portraits.rows import PortraitRow
from mirror.files.image_file import ENDINGS
from mirror.files.image_paths import PictureFolder, PicturePathError
from mirror.files.text_file import lone_surrogate
from mirror.natural_order import natural_key


def drop(idx: str, reason: str, detail: str) -> Dropped:
    """What is left out of the portraits."""
    return Dropped("portrait", idx, None, reason, detail, "portrait")


class Catalogue:
    """Pictures and persons.

    Attributes:
        rows: what the tables say of each picture.
        pictures: of each person, in the natural order of their names.
        dropped: rows that fit no picture.
    """

    def __init__(self, folder: Path, rows: Sifted[PortraitRow] | None) -> None:
        """Finds the pictures.

        Args:
            folder: of the pictures.
            rows: of the tables; None: each picture of the folder and its subfolders is a person of its own, named
                by the file's path without its ending.
        """
        self.folder, self._find = folder, PictureFolder(folder).find
        self.rows: dict[Path, PortraitRow] = {}
        self.dropped: list[Dropped] = list(rows.dropped) if rows else []
        self._stems: dict[str, list[Path]] = defaultdict(list)
        self._same: dict[str, str] = {}  # person → the one that a screenplay's names say it is
        found = rows.kept if rows else map(PortraitRow, _pictures(folder))
        for row in sorted(found, key=lambda row: row.file):
            self._place(row)
        self._tabled = {row.person for row in self.rows.values()} - {""}
        self.pictures: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(self.rows, key=lambda path: natural_key(self.file(path))):
            self.pictures[self.person(path)].append(path)

    def _place(self, row: PortraitRow) -> None:
        if lone_surrogate(row.file):
            shown = row.file.encode(errors="replace").decode()
            self.dropped.append(drop(shown, "odd_name", "the file's name is no valid text; rename it"))
            return
        try:
            path = self._find(row.file)
        except PicturePathError as error:
            self.dropped.append(drop(row.file, "no_such_file", str(error)))
            return
        if self.rows.setdefault(path, row) is row:
            self._stems[path.stem].append(path)
        else:
            detail = f"the row of {self.rows[path].file!r} is of the same file"
            self.dropped.append(drop(row.file, "contradicting_rows", detail))

    def file(self, path: Path) -> str:
        """The name of a picture: its path within the folder."""
        return path.relative_to(self.folder).as_posix()

    def person(self, path: Path) -> str:
        """Whom a picture shows."""
        return self.same_person(self.rows[path].person or Path(self.file(path)).with_suffix("").as_posix())

    def same_person(self, person: str) -> str:
        """The name under which a person is known who has several."""
        while person in self._same:
            person = self._same[person]
        return person

    def resolve(self, entry: str) -> str | tuple[Path, ...] | Dropped:
        """What a screenplay's `person` stands for: a person, pictures of one person, or nothing, and why.

        Pictures without a person in the tables that are named together are of one person from then on.
        """
        if entry in self.pictures:
            return entry
        found = [self._picture(part.strip()) for part in entry.split(";") if part.strip()]
        if failed := next((one for one in found if isinstance(one, Dropped)), None):
            return failed
        files = tuple(dict.fromkeys(one for one in found if isinstance(one, Path)))
        if not files:
            return drop(entry, "no_such_portrait", "it names no file")
        persons = sorted({self.person(path) for path in files}, key=natural_key)
        tabled = [person for person in persons if person in self._tabled]
        if len(tabled) > 1:
            return drop(entry, "several_persons", f"its files show {' and '.join(tabled)}, as the table says")
        target = [*tabled, *persons][0]
        self._same.update({person: target for person in persons if person != target})
        return files

    def _picture(self, name: str) -> Path | Dropped:
        try:
            path = self._find(name)
        except PicturePathError as error:
            fitting = self._stems.get(name, [])
            if len(fitting) > 1:
                shown = " and ".join(sorted(map(self.file, fitting), key=natural_key))
                return drop(name, "ambiguous_name", f"it could be {shown}; write the ending as well")
            return fitting[0] if fitting else drop(name, "no_such_portrait", f"it is no person, and as a file: {error}")
        if path not in self.rows:  # the tables do not have it
            self.rows[path] = PortraitRow(self.file(path))
        return path


def _pictures(folder: Path) -> Iterator[str]:
    """The names of all pictures in a folder; hidden files and folders are left out."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.suffix.lower() in ENDINGS and not any(part.startswith(".") for part in name.parts) and path.is_file():
            yield name.as_posix()
