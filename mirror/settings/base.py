"""The base class of all settings: reading values from notebooks and files, and validating them."""

import ast
import html
import types
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.files.text_file import lone_surrogate, replace_lone_surrogates
from mirror.garbage import search_seldom
from mirror.paths import input_path
from mirror.secrets import KEY, url_faults
from mirror.settings.errors import NOTEBOOK, SettingsError, explain
from mirror.settings.params_file import read_params
from mirror.tracking import Logging, tracking_obstacle

Cot = Literal["base", "planning", "ec", "ec_planning"]
Size = Literal["7b", "13b", "pocket", "other"]  # of LLaVA-1.5; other: any other model, named by base_model
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:<number>")]
RayAddress = Annotated[str, Field(pattern=r"^(auto|[\w.-]+:\d+)?$", description="auto, or host:port of a head")]
RunName = Annotated[str, Field(pattern=r"^\w[\w.-]*$", description="one folder name of letters, digits, . _ -")]
NO_DEVICE = ("device:", "gpus:")  # beginnings of the faults of a machine
SURROGATE_ADVICE = "holds half a character (a lone surrogate), which cannot be saved; type it again"
SECRET_ADVICE = (
    "papermill writes its parameters into the output notebook before this check: if the URL contained a secret, delete "
    "that notebook and change the secret"
)


class Settings(BaseModel):
    """The settings of a notebook: strictly typed, without unknown names, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    # Parameters that affect where and how fast a run executes but not its results; a continued run may change them.
    MACHINE: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """Read the settings from a notebook's parameters cell and from the cell that papermill injects.

        A notebook begins with this, before it imports a library of models: from here on, the process searches for
        garbage seldom.

        Args:
            namespace: the notebook's `globals()`.

        Raises:
            SettingsError: invalid settings; the message lists all faults.
        """
        search_seldom()
        names = _assigned_parameters(namespace, set(cls.model_fields))
        return cls.checked({name: namespace[name] for name in names}, NOTEBOOK)

    @classmethod
    def from_file(cls, path: str | Path, check_files: bool = True, **changes: Any) -> Self:
        """Read the settings from a params file.

        Args:
            path: a YAML file with one `name: value` per line.
            check_files: whether the files, services and devices that the settings name must be available.
            changes: values that replace those of the file.

        Raises:
            SettingsError: invalid settings; the message lists all faults.
        """
        return cls.checked(read_params(Path(path)) | changes, f"{path}:", check_files)

    @classmethod
    def checked(cls, values: Mapping[str, Any], where: str, check_files: bool = True) -> Self:
        """Validate `values` and return them as settings.

        Args:
            values: parameters by name.
            where: their source, the beginning of every line of an error message: `params/train/x.yaml:`.
            check_files: as for `from_file`.

        Raises:
            SettingsError: invalid settings; the message has one line per fault.
        """
        values = {str(name): value for name, value in values.items()}
        if damaged := [name for name, value in values.items() if lone_surrogate(f"{name}{value}")]:
            raise SettingsError(
                "\n".join(f"{where} {replace_lone_surrogates(name)!r} {SURROGATE_ADVICE}" for name in damaged)
            )
        if empty := sorted({name for name, text in _texts(values) if "\0" in f"{name}{text}"}):
            raise SettingsError("\n".join(f"{where} {name!r} holds a NUL character; remove it" for name in empty))
        values = cls.completed(values)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            errors = error.errors()
            present = [each for each in errors if each["type"] != "missing"]
            lines = [explain(each, cls.model_fields, where) for each in present or errors]
            raise SettingsError("\n".join(lines)) from None
        faults = settings.url_faults()  # reported alone: the other messages show values
        faults = faults or settings.conflicts() + (settings.files_missing() if check_files else [])
        faults.sort(key=lambda fault: not fault.startswith(NO_DEVICE))  # a machine is harder to mend than a path
        if faults:
            raise SettingsError("\n".join(f"{where} {fault}" for fault in faults))
        return settings

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the values of the parameters that an earlier run may lack, since it was begun before they existed.

        A parameter that is added later has its default in the class: what runs did before it.
        """
        return {name: field.default for name, field in cls.model_fields.items() if not field.is_required()}

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Return `values` with derived defaults in place of None; the base class has none."""
        return values

    def _repr_html_(self) -> str:
        """Render the settings in a notebook as a table of names and values, in two columns."""
        cells = [f"<td>{n}</td><td><b>{html.escape(str(v)) or '–'}</b></td>" for n, v in self.model_dump().items()]
        half = (len(cells) + 1) // 2
        rows = zip_longest(cells[:half], cells[half:], fillvalue="<td></td><td></td>")
        style = "<style>.settings td {text-align: left; padding: .1em 1.2em .1em 0}</style>"
        return f"{style}<table class='settings'>{''.join(f'<tr>{a}{b}</tr>' for a, b in rows)}</table>"

    def url_faults(self) -> list[str]:
        """Return the faults of URLs: they must not contain secrets, since settings are written to the run's folder."""
        texts = dict(_texts(self.model_dump()))
        urls = {name: url for name, url in texts.items() if url and (name.endswith("_url") or "://" in url)}
        faults = [fault for name, url in urls.items() for fault in url_faults(name, url, KEY)]
        return [f"{fault}; {SECRET_ADVICE}" for fault in faults]

    def conflicts(self) -> list[str]:
        """Return the faults of combinations of values, one sentence each."""
        return []

    def files_missing(self) -> list[str]:
        """Return `missing()`, or the fault of a path that the file system rejects (too long, …)."""
        try:
            return self.missing()
        except OSError as error:
            return [f"{str(error.filename)[-100:]!r} is not a usable path ({error.strerror}); give another one"]

    def missing(self) -> list[str]:
        """Return the files, services, keys and devices that are not available on this machine, one sentence each."""
        return []


class TrackedSettings(Settings):
    """The settings of a run whose numbers can be kept elsewhere, too."""

    logging: Logging

    def files_missing(self) -> list[str]:
        """As of all settings, and the package that `logging` needs."""
        return super().files_missing() + list(filter(None, [tracking_obstacle(self.logging)]))


def _texts(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts among values and mappings of values by name, such as `steps` or `painters: fast: steps`."""
    for name, value in values.items():
        if isinstance(value, str):
            yield f"{within}{name}", value
        elif isinstance(value, Mapping):
            yield from _texts(value, f"{within}{name}: ")


def missing_folder(name: str, value: str) -> list[str]:
    """Return the fault of a model whose path does not exist; Hub ids are checked when they are loaded."""
    if _is_path(value) and not input_path(value).is_dir():
        return [f"{name}: no such folder {input_path(value)}; give a folder or a Hub id"]
    return []


def missing_device(device: str) -> list[str]:
    """Return the fault of a requested GPU that PyTorch does not see."""
    if device.startswith("cuda"):
        import torch  # slow to import, and needed only here

        if not torch.cuda.is_available():
            return [f"device: {device} was requested but PyTorch sees no GPU; use auto or cpu"]
    return []


def missing_gpu_of_size(size: str, device: str) -> list[str]:
    """Return the fault of a model of a real size that would run on the CPU without having been asked to."""
    return [] if size == "pocket" else missing_gpu_for(size, device, "size pocket")


def missing_gpu_for(work: str, device: str, instead: str) -> list[str]:
    """Return the fault of work for a GPU that would be done on the CPU without having been asked for.

    Args:
        work: that takes days on a CPU, as the message names it.
        device: as in the settings.
        instead: the parameters that a CPU can do.
    """
    if device != "auto":
        return []
    import torch  # slow to import, and needed only here

    if torch.cuda.is_available():
        return []
    return [
        f"device: auto found no GPU, and {work} takes days on a CPU; nothing was downloaded. Use a machine with a GPU "
        f"(mirror doctor checks it), {instead}, or device cpu to insist"
    ]


def missing_gpus(gpus: int, device: str) -> list[str]:
    """Return the fault of more GPUs than PyTorch sees; on a CPU, any number of processes can be started."""
    if gpus == 1 or device == "cpu":
        return []
    import torch  # slow to import, and needed only here

    found = torch.cuda.device_count()
    if found >= gpus:
        return []
    advice = f"use gpus {found}" if found else "use gpus 1, or device cpu for processes without a GPU"
    return [f"gpus: {gpus} were requested but PyTorch sees {found or 'none'} on this machine; {advice}"]


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") != 1


def _assigned_parameters(namespace: Mapping[str, Any], known: set[str]) -> list[str]:
    """Return the names that the parameters cell and papermill's injected cell assign.

    In a notebook, the sources of the executed cells are parsed (IPython keeps them in `In`), so that variables of other
    cells are not taken for parameters, even when cells are run again. Elsewhere every plain name is a parameter.
    """
    sources = [source for source in namespace.get("In", []) if source]
    if not sources:
        return [name for name, value in namespace.items() if _is_plain(name, value)]
    assigned: dict[str, None] = {}
    for source in sources:
        try:
            body = ast.parse(source).body
        except SyntaxError:  # a magic or a shell command
            continue
        typed = [n.target.id for n in body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
        plain = [t.id for n in body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
        is_injected = source.lstrip().startswith("# Parameters")
        if is_injected or known & set(typed):
            assigned |= dict.fromkeys(typed + plain)
    return [name for name in assigned if name in namespace]


def _is_plain(name: str, value: Any) -> bool:
    return not name.startswith("_") and not isinstance(value, types.ModuleType | type) and not callable(value)
