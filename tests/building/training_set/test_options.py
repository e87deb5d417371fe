"""The options of records are checked when they are made; prompts can be those of a checkpoint."""

import json
from dataclasses import replace

import pytest

from mirror.building.training_set.options import RecordOptions, own_prompt_sets, read_prompt_sets
from mirror.prompts import VARIANTS, own_prompts


@pytest.mark.parametrize(
    "name", ["turn:{turn}_{portrait}.png", "turn-{turn}_{portrait}.png", "{turn}.png", "{{{turn}.png"]
)
def test_a_name_with_the_turn_is_accepted(name):
    assert RecordOptions(image_name=name).image_name == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("{portrait}.png", "must contain {turn}"),
        ("{{turn}}.png", "must contain {turn}"),
        ("", "must contain {turn}"),
        ("{turn}_{idx}.png", "knows {turn} and {portrait}, not {idx}"),
        ("{turn:03}.png", "knows {turn}"),
        ("{turn!r}.png", "knows {turn}"),
        ("{turn", "is no pattern"),
        ("a/{turn}.png", "without folders"),
        ("..\\{turn}.png", "without folders"),
        (".{turn}.png", "without folders"),
    ],
)
def test_other_names_are_refused(name, problem):
    with pytest.raises(ValueError, match="image_name: ") as error:
        RecordOptions(image_name=name)
    assert problem in str(error.value)


def test_a_window_holds_something():
    with pytest.raises(ValueError, match="at least 1 utterance, found 0"):
        RecordOptions(window=0)


def test_without_a_source_the_prompts_are_the_projects_own():
    assert read_prompt_sets("") == own_prompt_sets() == RecordOptions().prompts
    assert read_prompt_sets("")["ec"] == own_prompts("ec")


def test_prompts_of_four_checkpoints_are_read(tmp_path):
    for cot in VARIANTS:
        (tmp_path / cot).mkdir()
        text = json.dumps(own_prompts(cot).to_json()).replace("Answer as", "Reply as")
        (tmp_path / cot / "prompts.json").write_text(text)
    found = read_prompt_sets(f"{tmp_path}/{{cot}}")
    assert all("Reply as" in found[cot].templates["response"][0].template.text for cot in VARIANTS)


def test_one_file_serves_all_variants_if_it_has_their_replies(tmp_path):
    sets = own_prompt_sets()
    replies = tuple(sets[cot].templates["response"][0] for cot in VARIANTS)
    whole = replace(sets["ec_planning"], templates={"response": replies}, records={"response": 0})
    (tmp_path / "prompts.json").write_text(json.dumps(whole.to_json()))
    found = read_prompt_sets(str(tmp_path / "prompts.json"))
    for cot in VARIANTS:
        fields = sets[cot].templates["response"][0].template.fields
        assert found[cot].render("response", **dict.fromkeys(fields, "x")) == sets[cot].render(
            "response", **dict.fromkeys(fields, "x")
        )


def test_prompts_that_do_not_fit_are_refused_with_all_faults(tmp_path):
    (tmp_path / "prompts.json").write_text(json.dumps(own_prompts("ec").to_json()))
    with pytest.raises(ValueError, match="name a set with the reply templates of all variants") as error:
        read_prompt_sets(str(tmp_path))
    assert [cot for cot in VARIANTS if f"does not fit {cot}:" in str(error.value)] == [
        "base",
        "planning",
        "ec_planning",
    ]
    with pytest.raises(FileNotFoundError):
        read_prompt_sets(str(tmp_path / "nowhere.json"))
