"""The params files: each names exactly the parameters of its notebook, with values of the declared type."""

import papermill
import pytest
import yaml

from mirror.analysis.settings import AnalyseSettings
from mirror.building.settings import BuildSettings
from mirror.counseling.settings import CounselSettings
from mirror.models.checkpoint import checkpoint_name
from mirror.painting.settings import PaintSettings
from mirror.rating.settings import RateSettings
from mirror.replay.settings import ReplaySettings
from mirror.training.settings import TrainSettings
from pocket.settings import PocketSettings
from tests import ROOT

STUDIES = ROOT / "params/study"  # no parameters of a notebook: tests/analysis/registration reads them
FILES = sorted(path for path in (ROOT / "params").glob("*/*.y*ml") if path.parent != STUDIES)

SETTINGS = {
    "build": BuildSettings,
    "train": TrainSettings,
    "counsel": CounselSettings,
    "replay": ReplaySettings,
    "analyse": AnalyseSettings,
    "rate": RateSettings,
    "paint": PaintSettings,
    "pocket": PocketSettings,
}
COTS = ("base", "planning", "ec", "ec_planning")
TYPES = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,), "dict": (dict,)}


@pytest.mark.parametrize("size", ["mirror-7b", "mirror-13b", "pocket", "qwen3-vl-8b"])
@pytest.mark.parametrize("cot", ["base", "planning", "ec", "ec_planning"])
def test_every_training_configuration_has_its_file(size, cot):
    assert ROOT / f"params/train/{size}-{cot}.yaml" in FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_file_and_notebook_agree(path):
    faults = find_faults(path.read_text(encoding="utf-8"), parameters_of(path.parent.name))
    assert not faults, "\n".join([f"{path.relative_to(ROOT)}:", *faults])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_settings_accept_the_file(path):
    """Without its files, services and devices, which a 7b or 13b configuration does not find on every machine."""
    settings = SETTINGS[path.parent.name].from_file(path, check_files=False)
    for name, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        assert value is None or getattr(settings, name) == value, name


@pytest.mark.parametrize("size", ["mirror-7b", "mirror-13b", "pocket"])
def test_variants_are_trained_alike_but_for_their_records(size):
    """Else a comparison of variants is one of trainings."""
    of_size = [yaml.safe_load((ROOT / f"params/train/{size}-{cot}.yaml").read_text()) for cot in COTS]
    different = {name for one in of_size for name in one if one[name] != of_size[0][name]}
    assert different <= {"cot", "data", "run"}


def test_no_two_files_write_to_one_run():
    """A run folder with other settings is refused, so two files that share one cannot both be run."""
    runs = {}
    for path in FILES:
        run = yaml.safe_load(path.read_text(encoding="utf-8"))["run"]
        runs.setdefault(run, []).append(str(path.relative_to(ROOT)))
    assert not [files for run, files in runs.items() if run and len(files) > 1]


# What has to be open in a file: which service there is depends on the machine, a threshold on the model's calibration,
# a portrait joins either by the step or by the share of the noise, and what may be spent is for whoever pays to say.
OPEN = {"describer", "verifier", "relevance_threshold", "identity_threshold", "merge_at"}
OPEN |= {"budget_dollars", "budget_tokens", "budget_hours"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_leaves_nothing_open_that_it_could_say(path):
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {name for name, value in values.items() if value is None} <= OPEN


def test_the_arms_of_another_model_differ_from_those_of_llava_in_it_alone():
    for stage, cot in (
        (stage, cot) for stage in ("train", "counsel") for cot in ("base", "planning", "ec", "ec_planning")
    ):
        other, llava = (
            yaml.safe_load((ROOT / f"params/{stage}/{model}-{cot}.yaml").read_text(encoding="utf-8"))
            for model in ("qwen3-vl-8b", "mirror-7b")
        )
        differing = {name for name in llava if llava[name] != other[name]}
        assert differing == {"size", "base_model", "run"} | ({"checkpoint"} if stage == "counsel" else set())


@pytest.mark.parametrize("size", ["7b", "13b", "pocket"])
def test_every_arm_has_its_file(size):
    cots = [
        f"mirror-{size}-{cot}".replace("mirror-pocket", "pocket") for cot in ("base", "planning", "ec", "ec_planning")
    ]
    names = [f"llava-{size}" if size != "pocket" else "pocket-llava", *cots, "openai-text", "openai-vision"]
    assert {ROOT / f"params/counsel/{name}.yaml" for name in names} <= set(FILES)


FAST = sorted((ROOT / "params/counsel").glob("*-fast.yaml"))
SERVED = ROOT / "params/counsel/mirror-7b-planning-served.yaml"
UNTUNED = ROOT / "params/counsel/qwen3-vl-8b.yaml"
ARMS = sorted(set((ROOT / "params/counsel").glob("*-*-*.yaml")) - {*FAST, SERVED, UNTUNED})


@pytest.mark.parametrize("path", FAST, ids=lambda path: path.name)
def test_a_fast_file_is_its_arm_with_another_painter(path):
    """Nothing else, so that a comparison of the two is one of painters."""
    arms = set((ROOT / "params/counsel").glob("*.yaml")) - {*FAST, SERVED}
    arm = max((arm for arm in arms if path.stem.startswith(f"{arm.stem}-")), key=lambda arm: len(arm.stem))
    fast, slow = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in (path, arm))
    differing = {name for name in slow if slow[name] != fast[name]}
    assert differing <= {"distilled", "scheduler", "spacing", "steps", "guidance_scale", "merge_at", "compile", "run"}
    assert {"distilled", "steps", "guidance_scale", "merge_at", "run"} <= differing
    assert fast["guidance_scale"] == 0 and fast["steps"] <= 8 and fast["run"] == path.stem


def test_a_served_arm_is_the_one_in_this_process_behind_servers():
    served, own = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (SERVED, ROOT / "params/counsel/mirror-7b-planning.yaml")
    )
    differing = {name for name in own if served[name] != own[name]}
    assert differing == {"counselor", "checkpoint", "run"} | {
        f"{who}_{what}" for who in ("counselor", "untrained") for what in ("model", "url")
    }
    assert CounselSettings.from_file(SERVED, check_files=False).run == SERVED.stem


def test_an_arm_with_swapped_faces_differs_in_nothing_else():
    swapped, shown = (
        yaml.safe_load((ROOT / f"params/counsel/pocket-ec_planning{name}.yaml").read_text(encoding="utf-8"))
        for name in ("-swapped", "")
    )
    changes = {"face": "swapped", "faces_from": shown["run"], "run": "pocket-ec_planning-swapped"}
    assert swapped == shown | changes and shown["face"] == "shown"


@pytest.mark.parametrize("path", ARMS, ids=lambda path: path.name)
def test_the_checkpoint_of_an_arm_is_what_its_training_writes(path):
    counsel = CounselSettings.from_file(path, check_files=False)
    train = TrainSettings.from_file(ROOT / "params/train" / path.name.replace("-swapped", ""), check_files=False)
    name = checkpoint_name(train.size, train.cot, train.epochs, train.base_model)
    assert (counsel.size, counsel.cot, counsel.checkpoint) == (train.size, train.cot, f"checkpoints/{name}")
    assert counsel.base_model == train.base_model


@pytest.mark.parametrize("size", ["7b", "13b"])
def test_a_training_on_24_gb_writes_the_checkpoint_that_the_arm_reads(size):
    train = TrainSettings.from_file(ROOT / f"params/train/mirror-{size}-planning-24gb.yaml", check_files=False)
    counsel = CounselSettings.from_file(ROOT / f"params/counsel/mirror-{size}-planning.yaml", check_files=False)
    name = checkpoint_name(train.size, train.cot, train.epochs)
    assert counsel.checkpoint == f"{train.checkpoint_folder}/{name}"


def parameters_of(stage):
    """The types of a notebook's parameters by name, as papermill reads them; `?` behind one that may be left open."""
    found = papermill.inspect_notebook(ROOT / "notebooks" / f"{stage}.ipynb")
    return {
        name: parameter["inferred_type_name"] + "?" * (parameter["default"] == "None")
        for name, parameter in found.items()
    }


def find_faults(text, parameters):
    """What is wrong with the text of a params file for a notebook with these parameters, one sentence each."""
    pairs = [(key.value, value) for key, value in yaml.compose(text, yaml.SafeLoader).value]
    names = [name for name, _ in pairs]
    values = yaml.safe_load(text)
    faults = [f"{name} is missing" for name in parameters if name not in names]
    faults += [f"{name} is no parameter of the notebook" for name in names if name not in parameters]
    faults += [f"{name} is there twice; YAML keeps the last" for name in sorted(set(names)) if names.count(name) > 1]
    for name, node in dict(pairs).items():
        wanted, found = parameters.get(name), type(values.get(name))
        if wanted and found not in (*TYPES[wanted.rstrip("?")], *((type(None),) * wanted.endswith("?"))):
            faults.append(f"{name}: `{node.value}` is read by YAML as {found.__name__}, the notebook wants {wanted}")
    return faults


BROKEN = {
    "missing": ("rate: 2.0e-4", "cot is missing"),
    "extra": ("rate: 2.0e-4\ncot: base\nrat: 1", "rat is no parameter"),
    "twice": ("rate: 2.0e-4\ncot: base\nrate: 1.0", "rate is there twice"),
    "exponent": ("rate: 2e-4\ncot: base", "rate: `2e-4` is read by YAML as str, the notebook wants float"),
    "switch": ("rate: 2.0e-4\ncot: on", "cot: `on` is read by YAML as bool, the notebook wants str"),
    "number": ("rate: 2.0e-4\ncot: 7", "cot: `7` is read by YAML as int, the notebook wants str"),
    "nothing": ("rate: 2.0e-4\ncot:", "cot: `` is read by YAML as NoneType, the notebook wants str"),
}


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=BROKEN)
def test_a_fault_is_found(text, message):
    faults = find_faults(text, {"rate": "float", "cot": "str"})
    assert len(faults) == 1 and message in faults[0]


def test_a_right_file_has_no_fault():
    assert find_faults("rate: 2.0e-4\ncot: base", {"rate": "float", "cot": "str"}) == []
    assert find_faults("rate: 2\ncot: ''", {"rate": "float", "cot": "str"}) == []
    assert find_faults("rate: null\ncot: base", {"rate": "float?", "cot": "str?"}) == []
