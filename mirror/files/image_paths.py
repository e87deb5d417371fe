"""Resolution of image paths in records and tables to files in the folder that the user gave.

A relative path is resolved against the folder. An absolute path comes from the machine that the data was created on;
its longest suffix that is a file in the folder is used: `/data/project/12/a.png` resolves to `12/a.png`, or else to
`a.png`. `..` is rejected. Symbolic links inside the folder are followed.
"""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from mirror.files.text_file import lone_surrogate
from mirror.paths import display_path

LONGEST = 4096  # characters of a path, as of the systems that this runs on


class PicturePathError(ValueError):
    """A path that resolves to no file in the folder, or to two. The message says which, and what to do."""


class PictureFolder:
    """A folder of images.

    Suitable for large folders: single paths are tested, and a folder is listed only once, and only to find a non-ASCII
    name in its other Unicode form (macOS writes decomposed names, other systems composed ones).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = {folder.absolute().parts, folder.resolve().parts}
        self._folders = lru_cache(maxsize=None)(self._find_folders)
        self._listing = lru_cache(maxsize=None)(_accented_names)

    def find(self, name: str) -> Path:
        """Resolve a path to a file in the folder.

        Args:
            name: a path in POSIX or Windows notation, as a record or a table has it.

        Raises:
            PicturePathError: no file matches, or two match equally, or the path contains `..` or half a surrogate pair.
        """
        if half := lone_surrogate(name):
            raise PicturePathError(f"holds {half}")
        if len(name) > LONGEST:
            raise PicturePathError(f"must have at most {LONGEST:,} characters, found {len(name):,}: {name!r:.80}")
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
        # An absolute path into this very folder takes precedence over its suffixes.
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
        """Return the subfolders that match `parts`."""
        folders: tuple[Path, ...] = (self.folder,)
        for part in parts:
            folders = self._fitting(folders, part, is_folder=True)
        return folders

    def _fitting(self, folders: tuple[Path, ...], name: str, is_folder: bool) -> tuple[Path, ...]:
        """Return the files (or folders) in `folders` whose name equals `name` in some Unicode form."""
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
    """Return the paths that `name` can mean: POSIX first, then Windows.

    A colon alone does not make a drive: `t:3_004711.png` is a file name.
    """
    windows = PureWindowsPath(name)
    if windows.drive and windows.root:
        return [windows]
    return [PurePosixPath(name), *([windows] if "\\" in name and not windows.drive else [])]


def _is_there(path: Path, is_folder: bool) -> bool:
    try:
        return path.is_dir() if is_folder else path.is_file()
    except (OSError, ValueError):  # not a valid file name
        return False


def _accented_names(folder: Path) -> dict[str, list[str]]:
    """Return the non-ASCII names in a folder, by their composed form (NFC)."""
    names: dict[str, list[str]] = {}
    try:
        listed = os.listdir(folder)
    except PermissionError:  # files can still be opened by their exact names
        return names
    for name in listed:
        if not name.isascii():
            names.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    return names
