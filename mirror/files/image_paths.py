"""Finds the picture files that records and tables name, below the folder that the user gave.

A relative path counts from the folder. An absolute path belongs to the machine that the data was made on; its longest
suffix that is a file below the folder is taken: `/data/project/12/a.png` is `12/a.png` there, or else `a.png`. `..` is
refused. A link inside the folder is followed: where it leads is its owner's choice.
"""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from mirror.paths import display_path


class PicturePathError(ValueError):
    """A path that names no picture below the folder, or two; the message says what was found."""


class PictureFolder:
    """A folder of pictures, of any size: files are tested one by one, a folder is listed once and only where a name
    with accents is not there as it is written (macOS writes it decomposed, other systems composed)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = {folder.absolute().parts, folder.resolve().parts}
        self._folders = lru_cache(maxsize=None)(self._find_folders)
        self._listing = lru_cache(maxsize=None)(_accented_names)

    def find(self, name: str) -> Path:
        """The file that `name` stands for.

        Raises:
            PicturePathError: there is none, or two fit equally, or the path leaves the folder.
        """
        for path in _readings(name):
            if ".." in path.parts:
                raise PicturePathError(f"must stay in {self._shown}, found {name!r:.200}; take the .. out")
            if found := self._below(path, name):
                return found
        what = "no end of this absolute path is a file" if path.anchor else "no such file"
        raise PicturePathError(f"{what} in {self._shown}, found {name!r:.200}; put it there or correct the path")

    @property
    def _shown(self) -> str:
        return display_path(self.folder)

    def _below(self, path: PurePath, name: str) -> Path | None:
        parts = path.parts[1:] if path.anchor else path.parts
        # An absolute path of this very folder comes before its suffixes.
        suffixes = [path.parts[len(own) :] for own in self._own if path.anchor and path.parts[: len(own)] == own]
        suffixes += [parts[start:] for start in range(len(parts) if path.anchor else 1)]
        for suffix in filter(None, suffixes):
            found = self._fitting(self._folders(suffix[:-1]), suffix[-1], is_folder=False)
            if found and (exact := self.folder.joinpath(*suffix)) in found:
                return exact
            if len(found) > 1:
                both = " and ".join(map(display_path, found))
                raise PicturePathError(f"{name!r:.200} fits two files equally, {both}; remove or rename one")
            if found:
                return found[0]
        return None

    def _find_folders(self, parts: tuple[str, ...]) -> tuple[Path, ...]:
        """The folders below that `parts` can stand for."""
        folders = (self.folder,)
        for part in parts:
            folders = self._fitting(folders, part, is_folder=True)
        return folders

    def _fitting(self, folders: tuple[Path, ...], name: str, is_folder: bool) -> tuple[Path, ...]:
        """The files (or folders) in `folders` whose name looks like `name`."""
        found = []
        for folder in folders:
            names = {name} if name.isascii() else {name, *self._other_forms(folder, name)}
            found += [path for each in sorted(names) if _is_there(path := folder / each, is_folder)]
        return tuple(found)

    def _other_forms(self, folder: Path, name: str) -> list[str]:
        if _is_there(folder / name, is_folder=False):
            return []
        return self._listing(folder).get(unicodedata.normalize("NFC", name), [])


def _readings(name: str) -> list[PurePath]:
    """`name` as a path of this system; then as one of Windows, where it can be one.

    A colon alone makes no drive: `t:3_004711.png` is a file's name.
    """
    windows = PureWindowsPath(name)
    if windows.drive and windows.root:
        return [windows]
    return [PurePosixPath(name), *([windows] if "\\" in name and not windows.drive else [])]


def _is_there(path: Path, is_folder: bool) -> bool:
    try:
        return path.is_dir() if is_folder else path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _accented_names(folder: Path) -> dict[str, list[str]]:
    """The names in a folder that are not ASCII, by their composed form."""
    names: dict[str, list[str]] = {}
    try:
        listed = os.listdir(folder)
    except PermissionError:  # its files can be opened by their exact names all the same
        return names
    for name in listed:
        if not name.isascii():
            names.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    return names
