"""A portrait: the picture of a person that a client's faces are painted from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Portrait:
    """One person's portrait.

    Attributes:
        name: stem of the first file, e.g. `004711`; names of painted pictures end with it.
        files: pictures of the same person, the one that identity is measured against first.
        person: identifies the person; equal for all portraits of a person.
        gender: `woman`, `man`, or empty if unknown.
        age: in years; None if unknown.
    """

    name: str
    files: tuple[Path, ...]
    person: str
    gender: str = ""
    age: int | None = None
