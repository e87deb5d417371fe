"""Checkpoints that were trained with other settings are pointed out, as long as they are those of the run."""

import json

import pytest

from mirror.analysis.differing.training import different_training, training_facts
from mirror.files.json_file import write_json
from mirror.transcripts.arm import Arm
from tests.studies import CLIENTS, study, write

SETTINGS = {"epochs": 1, "learning_rate": 0.003, "lora_rank": 16, "gpus": 1, "run": "train"}


def trained(output, name, data="d", of_run=None, **settings):
    """A run whose counselor is a checkpoint with this training; `of_run` is what the run recorded, if other."""
    checkpoint = output / "checkpoints" / name
    known = SETTINGS | settings
    facts = {"data_sha256": data, "epoch": float(known["epochs"])}
    checkpoint.mkdir(parents=True)
    write_json(checkpoint / "manifest.json", facts | {"settings": known | {"run": f"train-{name}"}})
    folder = write(output / "results", name, CLIENTS, checkpoint=f"checkpoints/{name}")
    provenance = json.loads((folder / "provenance.json").read_text())
    counselor = {"counselor": {"checkpoint": f"checkpoints/{name}"} | facts | (of_run or {})}
    write_json(folder / "provenance.json", provenance | {"cast": {"counselor": counselor}})
    return folder


def test_other_settings_of_training_are_named(output):
    folders = [
        trained(output, "m-base", "a"),
        trained(output, "m-planning", "b", gpus=2),
        trained(output, "m-ec_planning", "c", epochs=2, learning_rate=0.001),
    ]
    told = [caveat for caveat in study(*folders).caveats() if "trained" in caveat]
    assert told == [
        "The checkpoints of base and ec_planning were trained with other settings: epochs is 1 in base and 2 in "
        "ec_planning; learning_rate is 0.003 in base and 0.001 in ec_planning."
    ]


@pytest.mark.parametrize("change", ["moved", "trained again", "damaged"])
def test_of_a_checkpoint_that_is_another_now_the_run_knows_the_epochs(output, change):
    of_run = {"data_sha256": "before"} if change == "trained again" else None
    arm = Arm.read(trained(output, "m", of_run=of_run, epochs=3))
    manifest = output / "checkpoints/m/manifest.json"
    if change == "moved":
        manifest.unlink()
    elif change == "damaged":
        manifest.write_text("{")
    assert training_facts(arm) == {"epochs": 3.0}


def test_untuned_counselors_have_no_training(output):
    arm = Arm.read(write(output / "results", "m", CLIENTS))
    bare = Arm(arm.folder, arm.settings | {"checkpoint": ""}, arm.provenance)
    assert training_facts(bare) == {} and different_training([bare, bare]) == []
