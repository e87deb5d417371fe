"""The parameters of fine-tuning: recipes, conflicts, and sets to derive from."""

import pytest

from mirror.settings.errors import SettingsError
from mirror.training.settings import RECIPES, TrainSettings
from tests.training_parameters import PARAMETERS

OPEN = dict.fromkeys([*RECIPES["pocket"], "run"])
HERE = {"data": "d.json", "image_folder": "."}


def checked(check_files=False, **changes):
    return TrainSettings.checked(PARAMETERS | HERE | changes, "parameter", check_files=check_files)


@pytest.mark.parametrize("size", RECIPES)
def test_a_recipe_fills_in_all_that_is_left_open(size):
    base = RECIPES[size]["base_model"] or "Qwen/Qwen3-VL-8B-Instruct"
    settings = checked(**OPEN | {"size": size, "cot": "planning", "base_model": base})
    found, name = settings.model_dump(), "Qwen3-VL-8B-Instruct" if size == "other" else size
    wanted = RECIPES[size] | {"base_model": base} | {"data": RECIPES[size]["data"].replace("{cot}", "planning")}
    assert {name: found[name] for name in wanted} == wanted and settings.run == f"train-{name}-planning"


def test_the_two_large_sizes_differ_in_model_and_memory_alone():
    differing = {name for name in RECIPES["7b"] if RECIPES["7b"][name] != RECIPES["13b"][name]}
    assert differing == {"base_model", "activation_budget"} and RECIPES["7b"].keys() == RECIPES["pocket"].keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"micro_batch": 5}, "micro_batch must be at most batch_size, found 5 and 4; 0 takes the largest that fits"),
        ({"early_stopping": 2, "held_out": 0.0}, "early_stopping needs held-out dialogues, found held_out 0; raise"),
        ({"float8": True}, "float8 is for a GPU in bf16; set it false, or device auto and precision auto"),
        ({"float8": True, "device": "auto", "precision": "float32"}, "float8 is for a GPU in bf16"),
        (
            {"float8": True, "device": "auto", "quantize": "nf4"},
            "float8 and quantize nf4 exclude each other; set float8 false, or quantize none",
        ),
        ({"precision": "bf16"}, "precision bf16 is for a GPU, found device cpu; use precision auto or float32"),
        ({"gpus": 4, "device": "cuda:1"}, "device cuda:1 names one GPU, found gpus 4; use device auto"),
        ({"gpus": 0}, "gpus must be greater than or equal to 1, found 0"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        checked(**changes)


def test_a_missing_extra_is_a_fault_of_the_settings(monkeypatch, tmp_path):
    monkeypatch.setattr("mirror.models.quantization.find_spec", lambda name: None)
    (tmp_path / "data.json").touch()
    here = {"data": str(tmp_path / "data.json"), "image_folder": str(tmp_path)}
    with pytest.raises(SettingsError, match=r"needs the package bitsandbytes.* pip install .* --editable '.\[nf4\]'"):
        checked(True, quantize="nf4", **here)
    assert checked(True, **here).quantize == "none"


def test_the_limits_of_what_goes_together_are_accepted():
    assert checked(micro_batch=4).micro_batch == 4
    assert checked(float8=True, device="auto", precision="bf16").float8
    assert checked(early_stopping=2, held_out=0.1).early_stopping == 2


@pytest.mark.parametrize(
    ("cot", "there", "advised"),
    [
        ("base", ["planning", "ec"], "planning"),
        ("ec", ["planning", "ec_planning"], "ec_planning"),
        ("planning", ["base", "ec"], None),
        ("ec_planning", ["base", "ec", "planning"], None),
    ],
)
def test_a_set_that_is_missing_may_be_derived_from_a_richer_one_that_is_there(cot, there, advised, tmp_path):
    for name in there:
        (tmp_path / f"mirror_{name}.json").touch()
    with pytest.raises(SettingsError, match="data: no such file") as refused:
        checked(True, cot=cot, data=str(tmp_path / f"mirror_{cot}.json"), image_folder=str(tmp_path))
    advice = f"; or use the one that exists: -p data {tmp_path}/mirror_{advised}.json"
    assert (advice in str(refused.value)) if advised else ("or use" not in str(refused.value))
