"""Reads the portraits of a folder: one picture a person, with exactly one face, its gender and its age."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mirror.building.dropped import Dropped, Sifted
from mirror.building.portrait import Portrait
from mirror.building.portraits.catalogue import Catalogue, drop
from mirror.building.portraits.inspection import Inspection, Inspector
from mirror.building.portraits.rows import read_rows
from mirror.faces.attributes import FaceAttributes
from mirror.natural_order import natural_key
from mirror.paths import display_path, input_path
from mirror.progress_bar import progress_bar
from mirror.seeds import seed_for


@dataclass(frozen=True)
class Portraits(Sifted[Portrait]):
    """Portraits of a folder.

    Attributes:
        kept: one portrait a person, in the natural order of the persons' names.
        named: what each entry of a screenplay's `person` stands for: a portrait, or why there is none. Its portraits
            show persons of `kept`, perhaps in other pictures.
        pictures: whom each picture of the folder shows, whether it was looked at or not.
    """

    named: Mapping[str, Portrait | Dropped]
    pictures: Mapping[Path, str] = field(default_factory=dict)


def table_paths(text: str) -> tuple[Path, ...]:
    """The paths in a setting such as `identity.txt; attributes.txt`; none if it is empty."""
    return tuple(input_path(part.strip()) for part in text.split(";") if part.strip())


def read_portraits(
    tables: Sequence[Path],
    folder: Path,
    columns: Mapping[str, str],
    attributes: FaceAttributes | None,
    journal: Path | None,
    named: Iterable[str] = (),
    most: int | None = None,
    seed: int = 0,
) -> Portraits:
    """Read portraits.

    A person's pictures are tried in the natural order of their names until one can be used. What the tables say of
    gender and age wins over what the model reads. The result depends on the content of tables and pictures, not on
    their order.

    Args:
        tables: of the portraits, see `rows.read_rows`. Without one, each picture of the folder and its subfolders is a
            person of its own, named by the file's path without its ending.
        folder: of the pictures.
        columns: our field → the table's column.
        attributes: reads faces, gender and age; None: faces are not counted, and what the tables lack stays unknown.
        journal: what was seen, so that a stopped reading goes on.
        named: entries of `Screenplay.person`: a person, a file, or files of one person separated by `;`. A name is
            first looked up among the persons, then among the files, then among the files without their endings.
        most: persons that are tried beside the named ones, chosen by the seed; None: all.
        seed: of this choice.

    Returns:
        The portraits. Reasons of what is dropped: those of `read_rows`, `no_such_file`, `odd_name`, `unreadable`,
        `no_face`, `several_faces`, `another_portrait_of_the_person`, `same_picture` (two persons have it),
        `not_needed` (beyond `most`); of names also `no_such_portrait`, `several_persons`, `ambiguous_name`.

    Raises:
        FileNotFoundError: there is no such folder.
        PortraitTableError: the tables cannot be used.
        JsonLinesError: the journal is damaged.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of portraits at {display_path(folder)}; correct portraits")
    catalogue = Catalogue(folder, read_rows(tables, columns) if tables else None)
    choice = _Choice(catalogue, Inspector(folder, attributes, journal))
    entries = sorted(set(named) - {""}, key=natural_key)
    meant = [catalogue.resolve(entry) for entry in entries]  # all before the first is chosen: they unite persons
    pairs = sorted(zip(entries, meant, strict=True), key=lambda pair: not isinstance(pair[1], str))
    found = {entry: choice.of_name(entry, one) for entry, one in pairs}  # persons first: their portrait is the default
    others = [person for person in catalogue.pictures if catalogue.same_person(person) not in choice.chosen]
    tried = sorted(others, key=lambda person: seed_for(seed, "portrait", person))[:most]
    with progress_bar("portraits", "persons", len(tried)) as bar:
        for person in sorted(tried, key=natural_key):
            choice.of_person(person)
            bar.update()
    rest = [drop(person, "not_needed", f"{len(tried)} other persons were tried") for person in {*others} - {*tried}]
    dropped = sorted([*catalogue.dropped, *choice.dropped, *rest], key=lambda one: (natural_key(one.idx), one.detail))
    kept = (choice.chosen[person] for person in sorted(choice.chosen, key=natural_key))
    pictures = {path: catalogue.person(path) for path in catalogue.rows}
    return Portraits(tuple(one for one in kept if one is not None), tuple(dropped), found, pictures)


class _Choice:
    """The portraits that are chosen so far."""

    def __init__(self, catalogue: Catalogue, inspector: Inspector) -> None:
        self.catalogue, self.inspector = catalogue, inspector
        self.chosen: dict[str, Portrait | None] = {}
        self.dropped: list[Dropped] = []
        self._owners: dict[str, str] = {}  # content of a picture → the person whom it shows

    def of_name(self, entry: str, meant: str | tuple[Path, ...] | Dropped) -> Portrait | Dropped:
        """The portrait that a screenplay names."""
        if isinstance(meant, Dropped):
            return meant
        if isinstance(meant, str):
            return self.of_person(meant) or drop(entry, "no_such_portrait", "no portrait of this person can be used")
        person = self.catalogue.person(meant[0])
        seen = [self._inspect(path, person) for path in meant]
        for path, one in zip(meant, seen, strict=True):
            if one.reason:
                return drop(entry, one.reason, f"{self.catalogue.file(path)} {one.detail}")
        portrait = self._portrait(meant, person, seen[0])
        self.chosen.setdefault(person, portrait)
        return portrait

    def of_person(self, person: str) -> Portrait | None:
        """The first picture of a person that can be used; None if none can."""
        known_as = self.catalogue.same_person(person)
        if (found := self.chosen.get(known_as)) is not None:
            return found
        self.chosen[known_as] = None
        for path in self.catalogue.pictures[person]:
            file = self.catalogue.file(path)
            if (taken := self.chosen[known_as]) is not None:
                detail = f"{taken.name} is the portrait of {known_as}"
                self.dropped.append(drop(file, "another_portrait_of_the_person", detail))
                continue
            seen = self._inspect(path, known_as)
            if seen.reason:
                self.dropped.append(drop(file, seen.reason, seen.detail))
            else:
                self.chosen[known_as] = self._portrait((path,), known_as, seen)
        return self.chosen[known_as]

    def _inspect(self, path: Path, person: str) -> Inspection:
        seen = self.inspector.inspect(path)
        if seen.reason:
            return seen
        owner = self._owners.setdefault(seen.content, person)
        return seen if owner == person else Inspection("same_picture", f"is the same picture as one of {owner}")

    def _portrait(self, files: tuple[Path, ...], person: str, seen: Inspection) -> Portrait:
        row = self.catalogue.rows[files[0]]
        age = seen.age if row.age is None else row.age
        return Portrait(files[0].stem, files, person, row.gender or seen.gender, age)
