"""A run's folder as an arm: what it is called, whom it counseled, and what is said of a folder that is none."""

from pathlib import Path

import pytest
import yaml

from mirror.arm import Arm, ArmError, natural

ROOT = Path(__file__).resolve().parents[1]
LLAVA = {"counselor": "llava", "size": "7b", "cot": "base", "checkpoint": "", "client": "scripted"}


def write(folder, sessions=("60",), **settings):
    folder.mkdir(parents=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump(LLAVA | settings))
    for idx in sessions:
        (folder / "sessions" / idx).mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "settings, variant, counselor",
    [
        ({}, "untuned", "untuned LLaVA 7b, base"),
        ({"checkpoint": "x"}, "base", "MIRROR 7b, base"),
        ({"cot": "ec", "checkpoint": "x"}, "ec", "MIRROR 7b, ec"),
        ({"cot": "planning"}, "planning", "untuned LLaVA 7b, planning"),
        ({"counselor": "openai", "counselor_model": "gpt-4o"}, "chat model", "gpt-4o, base"),
    ],
)
def test_who_counseled(tmp_path, settings, variant, counselor):
    arm = Arm.read(write(tmp_path / "one", **settings))
    assert (arm.name, arm.variant, arm.counselor) == ("one", variant, counselor)


def test_sessions_are_in_natural_order(tmp_path):
    arm = Arm.read(write(tmp_path / "one", ("100", "9", "60b", "60a")))
    assert [session.folder.name for session in arm.sessions] == ["9", "60a", "60b", "100"]
    assert sorted(["b", "2", "10", "a1"], key=natural) == ["2", "10", "a1", "b"]


def test_clients_are_those_of_the_table_where_it_is_there(tmp_path):
    tess = Arm.read(write(tmp_path / "one", table=str(ROOT / "pocket/data/test.csv"))).person("60")
    assert (tess.name, tess.resistance) == ("Tess", "none") and tess.thought == "I'm a bad parent."
    unknown = Arm.read(write(tmp_path / "two", table=str(tmp_path / "gone.csv"))).person("60")
    assert (unknown.idx, unknown.name, unknown.resistance) == ("60", "", None)


def test_a_folder_that_is_no_run_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ArmError, match="no such folder .*; counsel first: papermill"):
        Arm.read(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArmError, match="has no settings.yaml"):
        Arm.read(tmp_path / "empty")
    with pytest.raises(ArmError, match="holds no sessions of counseling"):
        Arm.read(write(tmp_path / "none", ()))
