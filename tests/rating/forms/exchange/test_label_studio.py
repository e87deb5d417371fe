"""Label Studio: the tasks and the configuration it is given, and its export as its documentation shows it."""

import json
from xml.etree import ElementTree

import pytest

from mirror.rating.forms.answers import AnswersError, answer_faults
from mirror.rating.forms.exchange.label_studio import read_label_studio, transcript_html
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from mirror.rating.forms.sessions import ShownTurn
from tests.filled_forms import drawn, filled, save, study, write_runs

FORMATS = ("html", "label-studio")


@pytest.fixture
def folder(output):
    return study(output, write_runs(output, ["60", "61"]), formats=FORMATS)


def tasks(folder, rater="anna"):
    return json.loads((folder / f"forms/{rater}-label-studio.json").read_text())


def exported(folder, value, rater="anna", comment="", **annotation):
    """What Label Studio exports as JSON after every task was annotated."""
    found = []
    for number, task in enumerate(tasks(folder, rater), 1):
        code, turn = task["data"]["code"], task["data"]["turn"]
        result = [
            {"value": {"choices": [str(value(code, turn, item))]}, "id": f"r{number}", "from_name": item}
            | {"to_name": "Transcript", "type": "choices", "origin": "manual"}
            for item in read_key(folder).items
        ]
        if comment:
            texts = {"value": {"text": [comment]}, "id": "t", "from_name": "Comment", "to_name": "Transcript"}
            result.append(texts | {"type": "textarea", "origin": "manual"})
        one = {"id": number, "completed_by": 1, "result": result, "was_cancelled": False, "ground_truth": False}
        one |= {"created_at": "2026-03-09T22:16:08.728353Z", "updated_at": "2026-03-09T22:16:08.728378Z"}
        one |= {"lead_time": 4.288, "task": number} | annotation
        facts = {"id": number, "annotations": [one], "predictions": [], "meta": {}, "project": 83}
        found.append(facts | {"data": task["data"], "total_annotations": 1})
    return found


@pytest.mark.parametrize("instrument", ["helpfulness", "resistance"])
def test_an_export_gives_the_answers_of_the_form(instrument, output, tmp_path):
    folder = study(output, write_runs(output, ["60", "61"]), instrument=instrument, formats=FORMATS)
    key = read_key(folder)
    (given,) = read_label_studio(save(tmp_path / "e.json", exported(folder, drawn(key), comment="calm")), key)
    expected = [
        (one["code"], one["turn"], one["item"], one["value"]) for one in filled(folder, "anna", drawn(key))["answers"]
    ]
    assert [(one.code, one.turn, one.item, one.value) for one in given.answers] == expected
    assert {one.text for one in given.comments} == {"calm"} and answer_faults(given, key) == []


def test_an_export_is_imported_once(folder, tmp_path):
    key = read_key(folder)
    path = save(tmp_path / "e.json", exported(folder, drawn(key)))
    assert [import_files(folder, [path], "label-studio")[0].written for _ in range(2)] == [4, 0]


def test_the_configuration_names_the_items_and_the_values(folder):
    root = ElementTree.fromstring((folder / "forms/label-studio.xml").read_text())
    choices = {one.get("name"): [each.get("value") for each in one] for one in root.findall("Choices")}
    assert choices == {item: ["1", "2", "3", "4", "5"] for item in ("helpful", "empathy")}
    names = {one.get("name") for one in root if one.get("name")}
    assert all(one.get("toName") in names for one in root if one.get("toName"))
    data = set(tasks(folder)[0]["data"])
    assert {one.get("value")[1:] for one in root if (one.get("value") or "").startswith("$")} <= data


def test_a_skipped_task_is_unanswered_and_two_annotations_are_refused(folder, tmp_path):
    key = read_key(folder)
    (skipped,) = read_label_studio(save(tmp_path / "a.json", exported(folder, drawn(key), was_cancelled=True)), key)
    assert skipped.answers == []
    twice = exported(folder, drawn(key))
    twice[1]["annotations"] *= 2
    with pytest.raises(AnswersError, match=r"task 2 .*: has 2 annotations"):
        read_label_studio(save(tmp_path / "b.json", twice), key)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"a": 1}, "must hold a list of tasks"),
        ([{"helpful": "4"}], "task 1: data: Field required; export as JSON"),
        ([{"data": {"form": "f"}, "annotations": []}], "task 1: data.rater"),
    ],
)
def test_another_export_is_refused(content, message, folder, tmp_path):
    with pytest.raises(AnswersError, match=message):
        read_label_studio(save(tmp_path / "a.json", content), read_key(folder))


@pytest.mark.parametrize("choices", [[], ["4", "5"], ["good"], ["4.5"]])
def test_a_choice_that_is_no_value_is_refused(choices, folder, tmp_path):
    record = exported(folder, lambda *_: 3)
    record[0]["annotations"][0]["result"][0]["value"]["choices"] = choices
    with pytest.raises(AnswersError, match="task 1 .*: helpful is .*, not one whole number"):
        read_label_studio(save(tmp_path / "a.json", record), read_key(folder))


def test_texts_are_escaped():
    turn = ShownTurn(1, "<i>", "a < b\n& c", True, "", "<script>")
    text = transcript_html([turn])
    assert "<script>" not in text and "a &lt; b<br>&amp; c (ends the session)" in text and "&lt;i&gt;" in text
