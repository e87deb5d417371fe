"""Typed, frozen settings from a notebook's parameters or a params file; whatever cannot work is refused here.

Knows nothing of models; reads no file but the params file, and looks only whether the others are there.
"""

import ast
import html
import types
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.refusals import explain
from mirror.run import input_path

Cot = Literal["base", "planning", "ec", "ec_planning"]
Size = Literal["7b", "13b", "pocket"]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class SettingsError(ValueError):
    """Parameters that cannot work. The message has one line a fault: where, what, what was found, what to do."""


class Settings(BaseModel):
    """The base of every notebook's settings: strict types, no unknown names, frozen once made."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    # Parameters that change where and how fast a run goes, not what comes out: a run may be continued with others.
    MACHINE: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """The settings that a notebook's parameters cell (and papermill's injected one) holds; pass `globals()`."""
        names = _assigned_parameters(namespace, set(cls.model_fields))
        return cls.checked({name: namespace[name] for name in names}, "parameter")

    @classmethod
    def from_file(cls, path: str | Path, check_files: bool = True) -> Self:
        """The settings of a params file. `check_files=False` leaves out what other machines may lack (data, a GPU)."""
        try:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: is no YAML: {error}") from None
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: must hold one `name: value` a line, found {type(values).__name__}")
        return cls.checked(values, f"{path}:", check_files)

    @classmethod
    def checked(cls, values: Mapping[str, Any], where: str, check_files: bool = True) -> Self:
        """`values` as settings, or one SettingsError with all that is wrong with them."""
        values = cls.completed({str(name): value for name, value in values.items()})
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            faults = error.errors()
            known = [fault for fault in faults if fault["type"] != "missing"]
            raise SettingsError(
                "\n".join(explain(fault, cls.model_fields, where) for fault in known or faults)
            ) from None
        faults = settings.conflicts() + (settings.missing() if check_files else [])
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

    def conflicts(self) -> list[str]:
        """What is wrong with the values taken together."""
        return []

    def missing(self) -> list[str]:
        """Files, services, keys and devices that the settings name and this machine lacks."""
        return []


# What goes with a size where a parameter is left open: the published recipe, and the pocket's own.
RECIPES: dict[str, dict[str, Any]] = {
    "7b": {
        "base_model": "llava-hf/llava-1.5-7b-hf",
        "data": "data/mirror/mirror_{cot}.json",
        "image_folder": "data/mirror/images",
        "epochs": 5,
        "batch_size": 32,
        "lora_rank": 128,
        "lora_alpha": 256,
        "lora_dropout": 0.05,
        "learning_rate": 2e-4,
        "projector_learning_rate": 2e-5,
        "compile": True,
        "activation_budget": 1.0,
        "workers": 4,
    },
    "pocket": {
        "base_model": "pocket/models/llava-v1.5-pocket",
        "data": "pocket/data/mirror_{cot}.json",
        "image_folder": "pocket/data/images",
        "epochs": 3,
        "batch_size": 4,
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "learning_rate": 6e-3,
        "projector_learning_rate": 6e-3,
        "compile": False,
        "activation_budget": 1.0,
        "workers": 0,
    },
}
RECIPES["13b"] = RECIPES["7b"] | {"base_model": "llava-hf/llava-1.5-13b-hf", "activation_budget": 0.8}


class TrainSettings(Settings):
    """The parameters of `notebooks/train.ipynb`; what each means stands there, beside its default."""

    MACHINE = frozenset(
        {"fresh", "keep", "workers", "logging", "show", "max_new_tokens"}
        | {"micro_batch", "activation_checkpointing", "activation_budget", "compile"}
    )

    size: Size
    cot: Cot
    base_model: str
    revision: str
    vision_tower: str
    data: str
    image_folder: str
    held_out: Annotated[float, Field(ge=0, le=0.5)]
    on_fault: Literal["refuse", "drop"]
    max_length: Annotated[int, Field(ge=16)]
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    projector_learning_rate: Positive
    lora_rank: Count
    lora_alpha: Count
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_ratio: Share
    max_grad_norm: Positive
    early_stopping: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:<number>")]
    precision: Literal["auto", "bf16", "float32"]
    micro_batch: Annotated[int, Field(ge=0)]
    float8: bool
    activation_checkpointing: Literal["auto", "always", "never"]
    compile: bool
    activation_budget: Annotated[float, Field(gt=0, le=1)]
    workers: Annotated[int, Field(ge=0)]
    run: Annotated[str, Field(pattern=r"^\w[\w.-]*$", description="one folder name of letters, digits, . _ -")]
    checkpoint_folder: str
    save_steps: Annotated[int, Field(ge=0)]
    keep: Annotated[int, Field(ge=0)]
    logging: Literal["none", "tensorboard"]
    show: Count
    max_new_tokens: Count
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills what is left open (None) from the recipe of the size, and names the run after size and cot."""
        size, cot = values.get("size"), values.get("cot")
        if not isinstance(size, str) or size not in RECIPES:
            return {"size": size}  # what the other parameters may be left open for depends on it
        values = {name: RECIPES[size].get(name) if value is None else value for name, value in values.items()}
        if values.get("run") is None:
            values["run"] = f"train-{size}-{cot}"
        if isinstance(values.get("data"), str):
            values["data"] = values["data"].replace("{cot}", str(cot)).replace("{size}", str(size))
        return values

    def conflicts(self) -> list[str]:
        faults = []
        if self.micro_batch > self.batch_size:
            faults.append(
                f"micro_batch must be at most batch_size, found {self.micro_batch} and {self.batch_size}; "
                "0 takes the largest that fits"
            )
        if self.early_stopping and not self.held_out:
            faults.append("early_stopping needs held-out dialogues, found held_out 0; raise held_out")
        if self.float8 and (self.device == "cpu" or self.precision == "float32"):
            faults.append("float8 is for a GPU in bf16; set it false, or device auto and precision auto")
        if self.precision == "bf16" and self.device == "cpu":
            faults.append("precision bf16 is for a GPU, found device cpu; use precision auto or float32")
        return faults

    def missing(self) -> list[str]:
        faults = []
        if not input_path(self.data).is_file():
            faults.append(
                f"data: no such file {input_path(self.data)}; put the training set there (JSON, one list of records) "
                "or say where it is"
            )
        if not input_path(self.image_folder).is_dir():
            faults.append(f"image_folder: no such folder {input_path(self.image_folder)}; the data's images lie in it")
        if _is_path(self.base_model) and not input_path(self.base_model).is_dir():
            faults.append(f"base_model: no such folder {input_path(self.base_model)}; give a folder or a Hub id")
        if self.device.startswith("cuda"):
            import torch  # only a GPU that was asked for by name is worth the import

            if not torch.cuda.is_available():
                faults.append(f"device: {self.device} was asked for and PyTorch sees no GPU; use auto or cpu")
        return faults


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
