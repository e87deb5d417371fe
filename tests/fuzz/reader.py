"""A reader of outside files or texts, as the fuzzer sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reader:
    """What is read: `read` gets the input; `declared` are the errors that it may raise; `seeds` are valid inputs."""

    read: Callable[[Any], Any]
    declared: tuple[type[Exception], ...] = ()
    seeds: tuple[Any, ...] = ()


class Files:
    """Readers of files: what is drawn is written to a file below `folder` first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
        """A function of the content of the file `name`."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def written(content: bytes) -> Any:
            path.write_bytes(content)
            return read(path)

        return written
