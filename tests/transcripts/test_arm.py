"""A run's folder as an arm: what it is called, whom it counseled, and what is said of a folder that is none."""

import json

import pytest
import yaml

from mirror.natural_order import natural_key
from mirror.transcripts.arm import Arm, ArmError, Person, aliases
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.session_folder import SessionFolder
from tests import ROOT

POCKET = read_profiles(ROOT / "pocket/data/test.csv", ROOT / "pocket/data/test_images")
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
        (
            {"cot": "ec", "checkpoint": "x", "face": "swapped"},
            "ec, swapped",
            "MIRROR 7b, ec, sees another client's face",
        ),
    ],
)
def test_who_counseled(tmp_path, settings, variant, counselor):
    arm = Arm.read(write(tmp_path / "one", **settings))
    assert (arm.name, arm.variant, arm.counselor) == ("one", variant, counselor)


def test_sessions_are_in_natural_order(tmp_path):
    arm = Arm.read(write(tmp_path / "one", ("100", "9", "60b", "60a")))
    assert [session.folder.name for session in arm.sessions] == ["9", "60a", "60b", "100"]
    assert sorted(["b", "2", "10", "a1"], key=natural_key) == ["2", "10", "a1", "b"]


def test_clients_are_who_they_were_when_their_sessions_began(tmp_path):
    folder = write(tmp_path / "one", ("60", "61"))
    (tess,) = (profile for profile in POCKET if profile.idx == "60")
    SessionFolder(folder / "sessions/60").begin(tess)
    arm = Arm.read(folder)
    assert (arm.person("60").name, arm.person("60").resistance) == ("Tess", "none")
    assert arm.person("60").distorted_thought == "I'm a bad parent."
    assert arm.person("61") == Person("61") and arm.person("61").resistance is None


@pytest.mark.parametrize(
    "names, short",
    [
        (["mirror-7b-base", "mirror-7b-ec_planning"], ["base", "ec_planning"]),
        (["mirror-7b-base", "mirror-13b-base"], ["7b-base", "13b-base"]),
        (["pocket", "pocket-ec"], ["pocket", "pocket-ec"]),
        (["llava-7b", "openai-text"], ["llava-7b", "openai-text"]),
        (["mirror-7b-base"], ["mirror-7b-base"]),
        (["a-b", "a-b"], ["b", "b"]),
    ],
)
def test_arms_are_called_by_what_tells_them_apart(names, short):
    assert aliases(names) == short


def test_a_folder_that_is_no_run_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ArmError, match="no such folder .*; counsel first: mirror counsel"):
        Arm.read(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArmError, match="has no settings.yaml"):
        Arm.read(tmp_path / "empty")
    with pytest.raises(ArmError, match="contains no counseling sessions"):
        Arm.read(write(tmp_path / "none", ()))


def test_the_person_of_a_later_session_is_the_client(tmp_path):
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({"cot": "base", "sessions_per_client": 3}))
    for name in ("7", "7+s2", "8"):
        (tmp_path / "sessions" / name).mkdir(parents=True)
        (tmp_path / "sessions" / name / "client.json").write_text(json.dumps({"idx": name[0], "name": name}))
    arm = Arm.read(tmp_path)
    assert [session.folder.name for session in arm.sessions] == ["7", "7+s2", "8"] and arm.per_client == 3
    assert list(arm.persons) == ["7", "8"] and arm.person("7+s2") == arm.person("7") == Person("7", "7")
    assert arm.person("9+s2") == Person("9")
