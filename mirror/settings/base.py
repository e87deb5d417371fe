"""The base of all settings: where their values come from, and how a value is refused."""

import ast
import html
import types
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.files.text_file import lone_surrogate, without_halves
from mirror.paths import input_path
from mirror.secrets import KEY, url_fault
from mirror.settings.errors import NOTEBOOK, SettingsError, explain
from mirror.settings.params_file import read_params

Cot = Literal["base", "planning", "ec", "ec_planning"]
Size = Literal["7b", "13b", "pocket"]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:<number>")]
RunName = Annotated[str, Field(pattern=r"^\w[\w.-]*$", description="one folder name of letters, digits, . _ -")]
HALF = "holds half a character (a lone surrogate), which cannot be saved; type it again"
WRITTEN = (
    "papermill writes the parameters that it is given into the output notebook before this check: if a secret stood "
    "there, delete that notebook and change the secret"
)


class Settings(BaseModel):
    """The base of every notebook's settings: strict types, no unknown names, frozen once made."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    # Parameters that change where and how fast a run goes, not what comes out: a run may be continued with others.
    MACHINE: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """The settings that a notebook's parameters cell (and papermill's injected one) holds; pass `globals()`."""
        names = _assigned_parameters(namespace, set(cls.model_fields))
        return cls.checked({name: namespace[name] for name in names}, NOTEBOOK)

    @classmethod
    def from_file(cls, path: str | Path, check_files: bool = True, **changes: Any) -> Self:
        """The settings of a params file, but for `changes`.

        `check_files=False` leaves out what other machines may lack (data, a GPU).
        """
        return cls.checked(read_params(Path(path)) | changes, f"{path}:", check_files)

    @classmethod
    def checked(cls, values: Mapping[str, Any], where: str, check_files: bool = True) -> Self:
        """`values` as settings, or one SettingsError with all that is wrong with them."""
        values = {str(name): value for name, value in values.items()}
        halves = [name for name, value in values.items() if lone_surrogate(f"{name}{value}")]
        if halves:
            raise SettingsError("\n".join(f"{where} {without_halves(name)!r} {HALF}" for name in halves))
        values = cls.completed(values)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            faults = error.errors()
            known = [fault for fault in faults if fault["type"] != "missing"]
            raise SettingsError(
                "\n".join(explain(fault, cls.model_fields, where) for fault in known or faults)
            ) from None
        faults = settings.url_faults()  # alone: the other faults show values
        faults = faults or settings.conflicts() + (settings.files_missing() if check_files else [])
        if faults:
            raise SettingsError("\n".join(f"{where} {fault}" for fault in faults))
        return settings

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """`values` with what was left open (None) filled in; the default leaves nothing open."""
        return values

    def _repr_html_(self) -> str:
        """A table in two columns of names and values, as a notebook shows it."""
        cells = [f"<td>{n}</td><td><b>{html.escape(str(v)) or '–'}</b></td>" for n, v in self.model_dump().items()]
        half = (len(cells) + 1) // 2
        rows = zip_longest(cells[:half], cells[half:], fillvalue="<td></td><td></td>")
        style = "<style>.settings td {text-align: left; padding: .1em 1.2em .1em 0}</style>"
        return f"{style}<table class='settings'>{''.join(f'<tr>{a}{b}</tr>' for a, b in rows)}</table>"

    def url_faults(self) -> list[str]:
        """What is wrong with the URLs: settings are written into the run, so that none may hold a secret."""
        texts = {name: value for name, value in self.model_dump().items() if isinstance(value, str)}
        urls = {name: url for name, url in texts.items() if url and (name.endswith("_url") or "://" in url)}
        faults = [url_fault(name, url, KEY) for name, url in urls.items()]
        return [f"{fault}; {WRITTEN}" for fault in faults if fault]

    def conflicts(self) -> list[str]:
        """What is wrong with the values taken together."""
        return []

    def files_missing(self) -> list[str]:
        """As `missing`, and what no file system takes as a path."""
        try:
            return self.missing()
        except OSError as error:
            return [f"{str(error.filename)[-100:]!r} cannot be looked for ({error.strerror}); give another path"]

    def missing(self) -> list[str]:
        """Files, services, keys and devices that the settings name and this machine lacks."""
        return []


def missing_folder(name: str, value: str) -> list[str]:
    """The fault of a model that is named as a path and is not there; a Hub id is looked for when it is loaded."""
    if _is_path(value) and not input_path(value).is_dir():
        return [f"{name}: no such folder {input_path(value)}; give a folder or a Hub id"]
    return []


def missing_device(device: str) -> list[str]:
    """The fault of a GPU that was asked for and is not there."""
    if device.startswith("cuda"):
        import torch  # only a GPU that was asked for by name is worth the import

        if not torch.cuda.is_available():
            return [f"device: {device} was asked for and PyTorch sees no GPU; use auto or cpu"]
    return []


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") != 1


def _assigned_parameters(namespace: Mapping[str, Any], known: set[str]) -> list[str]:
    """The parameters that `namespace` holds: what the parameters cell and papermill's injected cell assign.

    In a notebook the cells' sources are read (IPython keeps them in `In`), so that variables of other cells are no
    parameters, however often a cell is run again. Elsewhere every plain name counts.
    """
    sources = [source for source in namespace.get("In", []) if source]
    if not sources:
        return [name for name, value in namespace.items() if _is_plain(name, value)]
    assigned: dict[str, None] = {}
    for source in sources:
        try:
            body = ast.parse(source).body
        except SyntaxError:  # a magic or a shell line: not a cell of parameters
            continue
        typed = [n.target.id for n in body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
        plain = [t.id for n in body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
        is_injected = source.lstrip().startswith("# Parameters")
        if is_injected or known & set(typed):
            assigned |= dict.fromkeys(typed + plain)
    return [name for name in assigned if name in namespace]


def _is_plain(name: str, value: Any) -> bool:
    return not name.startswith("_") and not isinstance(value, types.ModuleType | type) and not callable(value)
