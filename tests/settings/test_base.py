"""Settings: what cannot work is refused with what, where, what was found and what to do; the rest becomes a recipe."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pydantic
import pytest
import torch
import yaml
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook
from papermill.cli import papermill
from traitlets.config import Config

from mirror.analysis.settings import AnalyseSettings
from mirror.building.settings import BuildSettings
from mirror.counseling.settings import CounselSettings
from mirror.exploration.settings import ExploreSettings
from mirror.painting.settings import PaintSettings
from mirror.rating.settings import RateSettings
from mirror.settings.base import Settings, missing_gpu_of_size, missing_gpus
from mirror.settings.errors import SettingsError
from mirror.training.settings import TrainSettings
from pocket.settings import PocketSettings
from tests import ROOT
from tests.processes import PAPERMILL


def parameters_cell():
    """The cell of `notebooks/train.ipynb` that is tagged `parameters`."""
    notebook = nbformat.read(ROOT / "notebooks/train.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def defaults():
    """The notebook's parameters with the values that the cell gives them."""
    values = {}
    exec(parameters_cell().source, values)
    return {name: values[name] for name in TrainSettings.model_fields}


def checked(**values):
    """Settings of the notebook's defaults and `values`; files and devices are not looked for."""
    return TrainSettings.checked(defaults() | values, "parameter", check_files=False)


def refusal(**values):
    with pytest.raises(SettingsError) as error:
        checked(**values)
    return str(error.value)


@pytest.fixture
def files(tmp_path):
    """Parameters that name a data file, an image folder and a model folder that are there."""
    (tmp_path / "images").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "data.json").write_text("[]")
    named = {"data": "data.json", "image_folder": "images", "base_model": "model"}
    return {name: str(tmp_path / file) for name, file in named.items()}


# Refusals -------------------------------------------------------------------------------------------------------------

BOOLEAN = "; YAML reads on, off, yes and no as booleans: quote the text"
RAW = "; papermill's -p makes numbers of such text: give `-r {}; in a YAML file quote it"
COTS = "cot must be one of base, planning, ec, ec_planning"
UNKNOWN = {
    "misspelt": ("lerning_rate", "unknown parameter lerning_rate; did you mean learning_rate?"),
    "like no other": ("zzz", f"unknown parameter zzz; the parameters are {', '.join(TrainSettings.model_fields)}"),
}


@pytest.mark.parametrize("name, message", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_name_is_refused(name, message):
    assert refusal(**{name: 1}) == message


REFUSED = {
    "number in quotes": (
        {"weight_decay": "0.5"},
        "weight_decay must be a number, found the text '0.5'; write it without quotes",
    ),
    "whole number in quotes": (
        {"epochs": "5"},
        "epochs must be a whole number, found the text '5'; write it without quotes",
    ),
    "word for a number": ({"epochs": "five"}, "epochs must be a whole number, found the text 'five'"),
    "fraction for a whole number": ({"epochs": 2.5}, "epochs must be a whole number, found 2.5"),
    "list for a number": ({"seed": [1]}, "seed must be a whole number, found [1]"),
    "number for text": (
        {"base_model": 7},
        f"base_model must be text, found 7{RAW.format('base_model 7` (007 stays 007)')}",
    ),
    "number for a choice": ({"cot": 7}, f"{COTS}, found 7"),
    "number for the size": ({"size": 7}, "size must be one of 7b, 13b, pocket, other, found 7; did you mean 7b?"),
    "switch for text": ({"run": False}, f"run must be text, found False{RAW.format('run TEXT`, as you wrote it')}"),
    "what 12e5678 becomes": (
        {"revision": float("inf")},
        f"revision must be text, found inf{RAW.format('revision TEXT`, as you wrote it')}",
    ),
    "None for text": (
        {"revision": None},
        "revision must be text, found None; give '' for none, or `-r revision None` for this very text",
    ),
    "list for text": (
        {"image_folder": ["a", "b"]},
        "image_folder must be text, found ['a', 'b']; write it as one text, with commas between several names",
    ),
    "switch for a choice": ({"cot": True}, f"{COTS}, found True{BOOLEAN}"),
    "number for a switch": ({"fresh": 1}, "fresh must be true or false, found 1"),
    "text for a switch": ({"fresh": "true"}, "fresh must be true or false, found the text 'true'"),
    "misspelt choice": ({"cot": "planing"}, f"{COTS}, found the text 'planing'; did you mean planning?"),
    "unknown choice": ({"cot": "xyz"}, f"{COTS}, found the text 'xyz'"),
    "nothing": ({"seed": None}, "seed is missing; the notebook's parameters cell lists every parameter"),
    "no size": ({"size": None}, "size is missing; the notebook's parameters cell lists every parameter"),
    "no cot": ({"cot": None}, "cot is missing; the notebook's parameters cell lists every parameter"),
    "below the least": ({"epochs": 0}, "epochs must be greater than or equal to 1, found 0"),
    "negative": ({"seed": -1}, "seed must be greater than or equal to 0, found -1"),
    "a rate of 0": ({"learning_rate": 0.0}, "learning_rate must be greater than 0, found 0.0"),
    "above the most": ({"held_out": 0.9}, "held_out must be less than or equal to 0.5, found 0.9"),
    "dropping everything": ({"lora_dropout": 1.0}, "lora_dropout must be less than 1, found 1.0"),
    "no room for an image": ({"max_length": 8}, "max_length must be greater than or equal to 16, found 8"),
    "infinite": ({"learning_rate": float("inf")}, "learning_rate must be a finite number, found inf"),
    "not a number": ({"learning_rate": float("nan")}, "learning_rate must be a finite number, found nan"),
    "unknown device": ({"device": "gpu"}, "device must be auto, cpu, cuda or cuda:<number>, found the text 'gpu'"),
    "run that is a path": (
        {"run": "../x"},
        "run must be one folder name of letters, digits, . _ -, found the text '../x'",
    ),
    "micro-batch above the batch": (
        {"micro_batch": 9, "batch_size": 8},
        "micro_batch must be at most batch_size, found 9 and 8; 0 takes the largest that fits",
    ),
    "early stopping on nothing": (
        {"early_stopping": 2, "held_out": 0.0},
        "early_stopping needs held-out dialogues, found held_out 0; raise held_out",
    ),
    "bf16 on a CPU": (
        {"precision": "bf16", "device": "cpu"},
        "precision bf16 is for a GPU, found device cpu; use precision auto or float32",
    ),
}


@pytest.mark.parametrize("values, message", REFUSED.values(), ids=REFUSED)
def test_refused_with_one_sentence(values, message):
    assert refusal(**values) == f"parameter {message}"


def test_a_number_that_yaml_reads_as_text():
    message = refusal(learning_rate="2e-4")
    assert message.startswith("parameter learning_rate must be a number, found the text '2e-4'; YAML needs 2.0e-")


@pytest.mark.parametrize(
    "name, found", [("learning_rate", "2e-4"), ("learning_rate", "2.55e-4"), ("max_length", "2e3")]
)
def test_the_number_that_yaml_needs_is_the_one_that_was_meant(name, found):
    needed = yaml.safe_load(refusal(**{name: found}).rsplit(" ", 1)[1])
    assert getattr(checked(**{name: needed}), name) == float(found)


def test_a_switch_for_a_number_is_not_told_to_be_text():
    message = refusal(epochs=True)
    assert message.startswith("parameter epochs must be a whole number, found True")
    assert "quote" not in message


@pytest.mark.parametrize("name", ["data", "run", "size"])
def test_a_nul_in_a_text_is_refused_by_name(name):
    with pytest.raises(SettingsError) as error:
        TrainSettings.checked(defaults() | {name: "po\0cket"}, "parameter")
    assert str(error.value) == f"parameter {name!r} holds a NUL character; remove it"


def test_a_size_of_any_type_is_refused():
    assert refusal(size=["7b"]).startswith("parameter size must be one of 7b, 13b, pocket, other, found ['7b']")


def test_an_unknown_size_is_the_only_fault():
    """The values that depend on the size are not called missing as well."""
    assert refusal(size="7B") == "parameter size must be one of 7b, 13b, pocket, other, found the text '7B'"


def test_all_faults_at_once_a_line_each():
    values = {"rank": 3, "cot": "x", "epochs": 0}
    cot, epochs, rank = refusal(**values).splitlines()
    assert cot.startswith("parameter cot ") and epochs.startswith("parameter epochs ")
    assert rank.startswith("unknown parameter rank;")
    conflicts = refusal(micro_batch=9, batch_size=8, early_stopping=1, held_out=0, precision="bf16", device="cpu")
    assert [line.split()[1] for line in conflicts.splitlines()] == ["micro_batch", "early_stopping", "precision"]


@pytest.mark.parametrize(
    "values",
    [
        {"micro_batch": 8, "batch_size": 8},
        {"early_stopping": 2, "held_out": 0.1},
        {"early_stopping": 0, "held_out": 0},
        {"precision": "bf16", "device": "auto"},
        {"precision": "float32", "device": "cpu"},
        {"device": "cuda:1"},
        {"learning_rate": 1},
        {"held_out": 0.5},
        {"run": "my-run_2.b"},
    ],
    ids=str,
)
def test_what_works_is_accepted(values):
    settings = checked(**values)
    assert {name: getattr(settings, name) for name in values} == values


# What is not there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, message",
    {
        "data": "data: no such file {}; put the training set there (a JSON list or JSON Lines) or set data to its path",
        "image_folder": "image_folder: no such folder {}; set it to that of the images",
        "base_model": "base_model: no such folder {}; give a folder or a Hub id",
    }.items(),
)
def test_a_missing_file_is_named(name, message, files, tmp_path):
    TrainSettings.checked(defaults() | files, "parameter")
    gone = str(tmp_path / "gone")
    with pytest.raises(SettingsError) as error:
        TrainSettings.checked(defaults() | files | {name: gone}, "parameter")
    assert str(error.value) == f"parameter {message.format(gone)}"


def test_a_folder_is_no_file_and_a_file_no_folder(files):
    swapped = {"data": files["image_folder"], "image_folder": files["data"], "base_model": files["data"]}
    with pytest.raises(SettingsError) as error:
        TrainSettings.checked(defaults() | swapped, "parameter")
    assert [line.split()[1] for line in str(error.value).splitlines()] == ["data:", "image_folder:", "base_model:"]


def test_relative_names_count_from_the_repository_whatever_the_working_directory(files, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    relative = {"data": "pyproject.toml", "image_folder": "notebooks"}
    TrainSettings.checked(defaults() | files | relative, "parameter")
    with pytest.raises(SettingsError, match="data: no such file"):
        TrainSettings.checked(defaults() | files | {"data": "data.json"}, "parameter")


@pytest.mark.parametrize("name", ["gone", "./owner/name", "../owner", "/owner/name", "~/name", "a/b/c"])
def test_a_model_that_can_only_be_a_folder_must_be_there(name, files):
    with pytest.raises(SettingsError, match="base_model: no such folder /.*; give a folder or a Hub id$"):
        TrainSettings.checked(defaults() | files | {"base_model": name}, "parameter")


def test_a_hub_id_is_not_looked_for(files):
    values = defaults() | files | {"base_model": "owner/name"}
    assert TrainSettings.checked(values, "parameter").base_model == "owner/name"


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_was_asked_for_must_be_there(device, files, monkeypatch):
    values = defaults() | files | {"device": device}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError) as error:
        TrainSettings.checked(values, "parameter")
    assert str(error.value) == f"parameter device: {device} was requested but PyTorch sees no GPU; use auto or cpu"
    TrainSettings.checked(values | {"device": "auto"}, "parameter")


def test_a_gpu_that_is_there_is_taken(files, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert TrainSettings.checked(defaults() | files | {"device": "cuda"}, "parameter").device == "cuda"


# The recipe -----------------------------------------------------------------------------------------------------------

PUBLISHED = {
    "data": "data/mirror/mirror_ec.json",
    "image_folder": "data/mirror/images",
    "epochs": 5,
    "batch_size": 32,
    "learning_rate": 2e-4,
    "projector_learning_rate": 2e-5,
    "max_grad_norm": 1.0,
    "lora_rank": 128,
    "lora_alpha": 256,
    "lora_dropout": 0.05,
    "weight_decay": 0.0,
    "warmup_ratio": 0.03,
    "max_length": 2048,
    "compile": True,
    "activation_budget": 1.0,
    "workers": 4,
}
RECIPES = {
    "7b": PUBLISHED | {"base_model": "llava-hf/llava-1.5-7b-hf", "run": "train-7b-ec"},
    "13b": PUBLISHED | {"base_model": "llava-hf/llava-1.5-13b-hf", "run": "train-13b-ec", "activation_budget": 0.8},
    "pocket": {
        "base_model": "pocket/models/llava-v1.5-pocket",
        "data": "pocket/data/mirror_ec.json",
        "image_folder": "pocket/data/images",
        "epochs": 1,
        "batch_size": 1,
        "learning_rate": 3e-3,
        "projector_learning_rate": 3e-3,
        "max_grad_norm": 0.2,
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "compile": False,
        "activation_budget": 1.0,
        "workers": 0,
        "run": "train-pocket-ec",
    },
}


@pytest.mark.parametrize("size", RECIPES)
def test_what_is_left_open_is_the_recipe_of_the_size(size):
    settings = checked(size=size, cot="ec")
    assert {name: getattr(settings, name) for name in RECIPES[size]} == RECIPES[size]


GIVEN = {
    "base_model": "owner/other",
    "data": "my.json",
    "image_folder": "mine",
    "epochs": 2,
    "batch_size": 3,
    "learning_rate": 0.5,
    "projector_learning_rate": 0.25,
    "lora_rank": 4,
    "lora_alpha": 5,
    "lora_dropout": 0.125,
    "workers": 1,
    "run": "mine",
}


@pytest.mark.parametrize("size", RECIPES)
@pytest.mark.parametrize("compile", [True, False])
def test_what_is_given_stays(size, compile):
    settings = checked(size=size, compile=compile, **GIVEN)
    assert {name: getattr(settings, name) for name in GIVEN} == GIVEN
    assert settings.compile is compile


def test_nothing_but_none_is_open():
    """0 workers and an empty text are values."""
    settings = checked(size="7b", workers=0, revision="")
    assert (settings.workers, settings.revision) == (0, "")


def test_the_data_may_be_named_by_cot_and_size():
    assert checked(size="13b", cot="planning", data="d/{size}/{cot}.json").data == "d/13b/planning.json"


def test_settings_cannot_be_changed():
    settings = checked()
    with pytest.raises(pydantic.ValidationError):
        settings.seed = 1
    assert settings.seed == 42


def test_what_may_differ_between_parts_of_a_run_are_parameters():
    assert {"fresh", "workers", "micro_batch", "logging"} <= TrainSettings.MACHINE <= TrainSettings.model_fields.keys()
    assert not TrainSettings.MACHINE & {"seed", "epochs", "data", "learning_rate", "size", "cot", "lora_dropout"}


# From a file ----------------------------------------------------------------------------------------------------------


def params_file(folder, **values):
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(defaults() | values))
    return path


def test_a_file_becomes_settings(files, tmp_path):
    settings = TrainSettings.from_file(params_file(tmp_path, cot="ec_planning", seed=7, **files))
    assert (settings.cot, settings.seed, settings.epochs) == ("ec_planning", 7, 1)


def test_each_fault_of_a_file_names_the_file(files, tmp_path):
    path = params_file(tmp_path, cot=7, rank=1, **files)
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path)
    assert str(error.value).splitlines() == [
        f"{path}: {COTS}, found 7",
        f"{path}: unknown parameter rank; did you mean lora_rank?",
    ]


def test_a_file_with_a_key_too_few(files, tmp_path):
    path = params_file(tmp_path, **files)
    path.write_text(
        "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("seed:"))
    )
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path)
    assert str(error.value) == f"{path}: seed is missing; the notebook's parameters cell lists every parameter"


def test_a_conflict_and_a_missing_file_name_the_file_too(files, tmp_path):
    path = params_file(tmp_path, **files | {"data": "gone.json"}, precision="bf16", device="cpu")
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path)
    first, second = str(error.value).splitlines()
    assert first.startswith(f"{path}: precision bf16 is for a GPU")
    assert second.startswith(f"{path}: data: no such file {ROOT / 'gone.json'};")
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path, check_files=False)
    assert str(error.value) == first


@pytest.mark.parametrize(
    "text, found", [("- a\n- b\n", "list"), ("", "an empty file"), ("# nothing\n", "an empty file"), ("cot", "str")]
)
def test_a_file_of_something_else(text, found, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path)
    assert str(error.value) == f"{path}: must contain one `name: value` per line, found {found}"


@pytest.mark.parametrize("text", ["cot: [base\n", "\tcot: base\n"])
def test_a_file_that_is_no_yaml_is_named(text, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "written, message",
    [
        ("run: 2024", "run must be text, found 2024; quote it"),
        ("run: 12e5678", None),
        ("run: 1.5", "run must be text, found 1.5; quote it"),
        ("run: on", "run must be text, found True; YAML reads on, off, yes and no as booleans: quote the text"),
        ("run: 2024-01-02", "run must be text, found datetime.date(2024, 1, 2); quote it"),
        ("run: [a, b]", "run must be text, found ['a', 'b']; write it as one text, with commas"),
        ("run: 007", "line {line}: YAML reads 007 as 7; write the number as 7, or quote the text"),
        ("seed: 010", "line {line}: YAML reads 010 as 8; write the number as 8, or quote the text"),
        ("seed: 1:30", "line {line}: YAML reads 1:30 as 90; write the number as 90, or quote the text"),
        ("weight_decay: 1:30.5", "line {line}: YAML reads 1:30.5 as 90.5; write the number as 90.5, or quote"),
        ("weight_decay: .5", None),
        ("weight_decay: 2e-4", "weight_decay must be a number, found the text '2e-4'; YAML needs 2.0e-4"),
        ("weight_decay: 0", None),
        ("seed: 1_000", None),
        ("seed: 0", None),
        ("cot: base", "cot is given twice, in lines {first} and {line}; keep one"),
    ],
)
def test_what_yaml_reads_in_a_surprising_way_is_refused(files, tmp_path, written, message):
    name = written.partition(":")[0]
    path = params_file(tmp_path, **files)
    lines = path.read_text().splitlines()
    first = next(number for number, line in enumerate(lines, 1) if line.startswith(f"{name}:"))
    if name != "cot":
        del lines[first - 1]
    path.write_text("\n".join([*lines, written]))
    if message is None:
        TrainSettings.from_file(path)
        return
    with pytest.raises(SettingsError) as error:
        TrainSettings.from_file(path)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"{path}: {message.format(first=first, line=len(lines) + 1)}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_in_the_encodings_that_editors_write(files, tmp_path, encoding):
    path = params_file(tmp_path, **files)
    path.write_text(path.read_text() + "\n# Zoë\n", encoding=encoding)
    assert TrainSettings.from_file(path).cot == "base"


def test_other_encodings_a_folder_and_no_file_are_named(files, tmp_path):
    path = params_file(tmp_path, **files)
    path.write_text(path.read_text() + "\n# Zoë\n", encoding="latin-1")
    with pytest.raises(SettingsError, match="mine.yaml: invalid YAML: "):
        TrainSettings.from_file(path)
    for name, fault in (("gone.yaml", "No such file or directory"), (".", "Is a directory")):
        with pytest.raises(SettingsError, match=f"{fault}; give a params file"):
            TrainSettings.from_file(tmp_path / name)


def test_a_tab_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("cot: base\n\tseed: 1\n")
    with pytest.raises(SettingsError, match="indent with spaces, not tabs"):
        TrainSettings.from_file(path)


def test_anchors_and_merges_are_allowed(files, tmp_path):
    path = params_file(tmp_path, **files)
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("seed:", "epochs:"))]
    path.write_text("\n".join(["<<: {seed: &n 4, keep: 9}", "epochs: *n", *kept]))
    settings = TrainSettings.from_file(path)
    assert (settings.seed, settings.epochs, settings.keep) == (4, 4, defaults()["keep"])


def test_a_name_that_yaml_reads_as_a_boolean_is_unknown(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(defaults()) + "on: 3\n")
    with pytest.raises(SettingsError, match="unknown parameter True"):
        TrainSettings.from_file(path, check_files=False)


# From a notebook ------------------------------------------------------------------------------------------------------

READ = "from mirror.training.settings import TrainSettings\nsettings = TrainSettings.from_notebook(globals())"


@pytest.fixture
def shell(files, tmp_path, monkeypatch):
    """A notebook's kernel without the notebook; `files` are there, whatever the repository holds."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell puts its own there
    kernel = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    kernel.files = files
    return kernel


def ran(shell, *cells):
    """The settings that the cells leave behind, run one after the other; the last one's error is raised."""
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
    result.raise_error()
    return shell.user_ns["settings"]


def injected(shell, **values):
    """The cell that papermill puts behind the parameters cell."""
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in (shell.files | values).items())])


def test_the_parameters_cell_and_the_injected_one_are_read(shell):
    settings = ran(shell, parameters_cell().source, injected(shell, cot="planning", seed=7), READ)
    assert (settings.cot, settings.seed, settings.held_out, settings.epochs) == ("planning", 7, 0.1, 1)
    assert settings.data == shell.files["data"]


@pytest.mark.parametrize(
    "others",
    [
        "import json\nlerning_rate = 1e-3\nfig, ax = 1, 2",
        "count: int = 3",
        "def helper():\n    pass",
        "for lerning_rate in range(3):\n    rank = 1",
        "%lsmagic\nrank = 1",
        "rank = (",
    ],
)
def test_variables_of_other_cells_are_no_parameters(shell, others):
    first = ran(shell, parameters_cell().source, injected(shell), others, READ)
    # The reader goes on and runs cells again: `settings` and what came after it are in the namespace now.
    again = ran(shell, others, "losses = [1]\nseed_of_other = 2", READ, READ)
    assert again == first


def test_parameters_that_are_run_again_with_other_values_count(shell):
    first = ran(shell, parameters_cell().source, injected(shell), READ)
    other = parameters_cell().source.replace("seed: int = 42", "seed: int = 43")
    assert ran(shell, other, injected(shell), READ) == first.model_copy(update={"seed": 43})


def test_an_injected_unknown_name_counts(shell):
    with pytest.raises(SettingsError) as error:
        ran(shell, parameters_cell().source, injected(shell, lerning_rate=1e-3), READ)
    assert str(error.value) == "unknown parameter lerning_rate; did you mean learning_rate?"


def test_an_unknown_name_in_the_parameters_cell_counts(shell):
    for unknown in ("lerning_rate = 1", "lerning_rate: float = 1.0"):
        with pytest.raises(SettingsError, match="unknown parameter lerning_rate"):
            ran(shell, parameters_cell().source + f"\n{unknown}", injected(shell), READ)


def test_a_parameter_taken_out_of_the_cell_is_missing(shell):
    source = parameters_cell().source.replace("seed: int = 42", "pass")
    with pytest.raises(SettingsError, match="^parameter seed is missing; the notebook's parameters cell"):
        ran(shell, source, injected(shell), READ)


def test_outside_a_notebook_every_plain_name_counts(files):
    plain = defaults() | files
    surroundings = {"__name__": "x", "_hidden": 1, "json": json, "Path": Path, "checked": checked}
    assert TrainSettings.from_notebook(surroundings | plain) == TrainSettings.checked(plain, "parameter")
    with pytest.raises(SettingsError, match="unknown parameter lerning_rate"):
        TrainSettings.from_notebook(surroundings | plain | {"lerning_rate": 1e-3})


@pytest.mark.slow
def test_papermill_fails_on_an_unknown_parameter(tmp_path):
    """The whole way, with a variable between the two cells that is no parameter's business."""
    cells = [parameters_cell(), new_code_cell("variable_of_mine = 3"), new_code_cell(READ)]
    source, executed = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), source)
    command = [*PAPERMILL, "--no-progress-bar", source, executed]
    done = subprocess.run(
        [*command, "-p", "lerning_rate", "1e-3", "-p", "cot", "planning"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode != 0
    fault = "unknown parameter lerning_rate; did you mean learning_rate?"
    assert done.stderr.rstrip().endswith(f"SettingsError: {fault}")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("-p", "007", "found 7; papermill's -p makes numbers of such text: give `-r base_model 7` (007 stays 007);"),
        ("-p", "12e5678", "found inf; papermill's -p makes numbers of such text: give `-r base_model TEXT`"),
        ("-p", "True", "found True; papermill's -p makes numbers of such text: give `-r base_model TEXT`"),
        ("-r", "007", "base_model: no such folder {root}/007; give a folder or a Hub id"),
        ("-r", "12e5678", "base_model: no such folder {root}/12e5678; give a folder or a Hub id"),
    ],
)
def test_text_that_looks_like_a_number_on_papermills_command_line(shell, tmp_path, option, value, message):
    """`-r` is the option that the refusal names; with it, the very characters arrive."""
    source, prepared = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [parameters_cell(), new_code_cell(READ)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), source)
    words = ["--prepare-only", "--no-progress-bar", str(source), str(prepared), option, "base_model", value]
    papermill.main(words, standalone_mode=False)
    cells = [cell.source for cell in nbformat.read(prepared, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) == 3
    with pytest.raises(SettingsError) as refused:
        ran(shell, *cells)
    assert message.format(root=ROOT) in str(refused.value)


NOTEBOOKS = {"train": TrainSettings, "counsel": CounselSettings, "rate": RateSettings, "explore": ExploreSettings}
NOTEBOOKS |= {"analyse": AnalyseSettings, "pocket": PocketSettings}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_text_of_any_notebook_is_taken_from_another_type(name):
    notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    values, kind = {}, NOTEBOOKS[name]
    exec(cell.source, values)
    known = {field: values[field] for field in kind.model_fields}
    texts = [field for field, info in kind.model_fields.items() if info.annotation is str]
    for field in texts:
        for value in (7, 0, 1.0, float("inf"), True):
            for where, advice in (("parameter", f"give `-r {field} "), ("x.yaml:", "quote")):
                with pytest.raises(SettingsError, match=f"^{where} {field} must be text, found") as error:
                    kind.checked(known | {field: value}, where, check_files=False)
                assert advice in str(error.value)
    assert texts or name == "pocket"


def test_an_optional_number_says_what_it_must_be():
    with pytest.raises(SettingsError, match="llava-7b.yaml: identity_threshold must be a number, found the text '0,3'"):
        CounselSettings.from_file(ROOT / "params/counsel/llava-7b.yaml", check_files=False, identity_threshold="0,3")


# Shown ----------------------------------------------------------------------------------------------------------------


class Few(Settings):
    first: str
    second: int
    third: str


def test_the_table_shows_every_name_and_value_escaped():
    table = Few.checked({"first": "<script>", "second": 0, "third": ""}, "parameter")._repr_html_()
    for name, value in {"first": "&lt;script&gt;", "second": "0", "third": "–"}.items():
        assert f"<td>{name}</td><td><b>{value}</b></td>" in table
    assert "<script>" not in table
    assert table.count("<tr>") == table.count("</tr>") == 2


@pytest.mark.parametrize(
    ("gpus", "device", "found", "fault"),
    [
        (1, "auto", 0, ""),
        (4, "cpu", 0, ""),
        (2, "auto", 2, ""),
        (4, "cuda", 2, "gpus: 4 were requested but PyTorch sees 2 on this machine; use gpus 2"),
        (2, "auto", 0, "gpus: 2 were requested but PyTorch sees none on this machine; use gpus 1, or device cpu for"),
    ],
)
def test_more_gpus_than_there_are_are_a_fault(gpus, device, found, fault, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: found)
    faults = missing_gpus(gpus, device)
    assert len(faults) == bool(fault) and all(one.startswith(fault) for one in faults)


@pytest.mark.parametrize("size", ["7b", "13b"])
def test_a_real_size_without_a_gpu_is_refused_unless_asked_for(size, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (fault,) = missing_gpu_of_size(size, "auto")
    assert f"auto found no GPU, and {size}" in fault and "device cpu to insist" in fault
    assert missing_gpu_of_size(size, "cpu") == [] == missing_gpu_of_size("pocket", "auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert missing_gpu_of_size(size, "auto") == []


@pytest.mark.parametrize(
    ("kind", "file", "changes", "what"),
    [
        (TrainSettings, "train/mirror-7b-planning", {}, "7b takes"),
        (CounselSettings, "counsel/llava-7b", {}, "7b takes"),
        (CounselSettings, "counsel/openai-vision", {"describer": "lexicon"}, "painting at 1024 pixels takes"),
        (PaintSettings, "paint/published", {}, "painting at 1024 pixels takes"),
        (BuildSettings, "build/published", {}, "painting at 1024 pixels and describing with meta-llama/"),
        (BuildSettings, "build/pocket", {"describer": "local", "describer_model": "a/b"}, "describing with a/b takes"),
    ],
)
def test_each_stage_tells_once_that_there_is_no_gpu(kind, file, changes, what, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError) as error:
        kind.from_file(ROOT / f"params/{file}.yaml", **changes)
    (told,) = [line for line in str(error.value).splitlines() if "no GPU" in line]
    assert f"device: auto found no GPU, and {what}" in told
    insisting = kind.from_file(ROOT / f"params/{file}.yaml", check_files=False, **changes, device="cpu")
    assert not any("no GPU" in fault for fault in insisting.missing())


def test_that_there_is_no_gpu_is_told_before_what_a_path_mends(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError) as error:
        BuildSettings.from_file(ROOT / "params/build/published.yaml", table="none.csv")
    first, *others = str(error.value).splitlines()
    assert "device: auto found no GPU" in first and any("table: no such file" in line for line in others)


@pytest.mark.parametrize("changes", [{"stop_after": "portraits"}, {"source": "runs", "runs": "results/mine"}])
def test_a_build_that_paints_nothing_needs_no_gpu(changes, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = BuildSettings.from_file(ROOT / "params/build/published.yaml", check_files=False, **changes)
    assert not any("no GPU" in fault for fault in found.missing())
