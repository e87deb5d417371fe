"""Qualtrics: the survey in its Advanced Format, and response tables in the form in which it exports them."""

import csv
import json
import re

import pytest

from mirror.rating.forms.answers import AnswersError, answer_faults
from mirror.rating.forms.exchange.qualtrics import read_qualtrics
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from tests.filled_forms import drawn, filled, form_of, study, write_runs

FORMATS = ("html", "qualtrics")


@pytest.fixture
def folder(output):
    return study(output, write_runs(output, ["60", "61"]), formats=FORMATS)


def survey(folder, rater="anna"):
    return (folder / f"forms/{rater}-qualtrics.txt").read_text()


def choices(text):
    """The choice texts of a survey by value."""
    return dict(re.findall(r"\[\[Choice:(-?\d+)\]\]\n(.+)", text))


def export(folder, path, value, as_text=False, status="IP Address", rater="anna", comment="", rows=1, **changes):
    """Writes the responses: tags, question texts, import ids, then a row per response."""
    tags = re.findall(r"\[\[ID:(.+?)\]\]", survey(folder, rater))
    tags = [tag for tag in tags if not tag.endswith("_text") and tag != "instructions"]
    texts = choices(survey(folder, rater))
    row = {"StartDate": "2026-03-09 22:16:08", "Status": status, "Finished": "1", "ResponseId": "R_1x"}
    for tag in tags:
        code, *turn, item = re.fullmatch(r"([A-Z0-9]{4})(?:_(\d+))?_([a-zA-Z]\w*)", tag).groups()
        number = int(turn[0]) if turn[0] else None
        answer = comment if item == "Comment" else str(value(code, number, item))
        row[tag] = texts[answer] if as_text and item != "Comment" else answer
    row |= {"form": form_of(folder, rater), "rater": rater} | changes
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(row)
        writer.writerow(f"text of {name},\nover two lines" for name in row)
        writer.writerow(json.dumps({"ImportId": f"QID{number}"}) for number in range(len(row)))
        for _ in range(rows):
            writer.writerow(row.values())
    return path


@pytest.mark.parametrize("as_text", [False, True], ids=["numeric values", "choice texts"])
@pytest.mark.parametrize("instrument", ["helpfulness", "resistance"])
def test_responses_give_the_answers_of_the_form(instrument, as_text, output, tmp_path):
    folder = study(output, write_runs(output, ["60", "61"]), instrument=instrument, formats=FORMATS)
    key = read_key(folder)
    (given,) = read_qualtrics(export(folder, tmp_path / "r.csv", drawn(key), as_text, comment="calm, so"), key)
    expected = {
        (one["code"], one["turn"], one["item"], one["value"]) for one in filled(folder, "anna", drawn(key))["answers"]
    }
    assert {(one.code, one.turn, one.item, one.value) for one in given.answers} == expected
    assert {one.text for one in given.comments} == {"calm, so"} and answer_faults(given, key) == []


def test_responses_are_imported_once_and_a_second_one_that_differs_is_refused(folder, tmp_path):
    key = read_key(folder)
    path = export(folder, tmp_path / "r.csv", drawn(key), rows=2)
    first, second = import_files(folder, [path], "qualtrics")
    assert (first.written, second.written, second.faults) == (4, 0, ())
    (other,) = import_files(folder, [export(folder, tmp_path / "o.csv", lambda *_: 1)], "qualtrics")
    assert "other answers than before" in other.faults[0]


def test_previews_are_left_out(folder, tmp_path):
    for status in ("Survey Preview", "1"):
        assert read_qualtrics(export(folder, tmp_path / "r.csv", lambda *_: 3, status=status), read_key(folder)) == []


def test_an_empty_cell_is_unanswered(folder, tmp_path):
    path = export(folder, tmp_path / "r.csv", lambda code, turn, item: "" if item == "empathy" else 3)
    (given,) = read_qualtrics(path, read_key(folder))
    assert {one.item for one in given.answers} == {"helpful"}


def test_the_survey_has_a_question_per_item_with_the_values_of_the_scale(folder):
    text = survey(folder)
    assert text.startswith("[[AdvancedFormat]]\n") and f"[[ED:form:{form_of(folder, 'anna')}]]" in text
    assert text.count("[[Question:MC:SingleAnswer:Horizontal]]") == 4 * 2
    words = ("not at all", "a little", "to some degree", "to a large degree", "fully")
    assert choices(text) == {f"{value}": f"{value}: {anchor}" for value, anchor in enumerate(words, 1)}
    tags = re.findall(r"\[\[ID:(.+?)\]\]", text)
    assert len(set(tags)) == len(tags) == 1 + 4 * (1 + 2 + 1)
    assert "data:image" not in text


def test_a_text_cannot_end_its_question(output):
    runs = write_runs(output, ["60"], turns=1)
    for path in output.glob("results/*/sessions/60/turns.jsonl"):
        path.write_text(path.read_text().replace('"reply":"', '"reply":"[[PageBreak]]\\n\\n[[Question:DB]] '))
    text = survey(study(output, runs, formats=FORMATS))
    assert "[[PageBreak]]" not in text and text.count("[[Question:DB]]") == 1 + 2


@pytest.mark.parametrize(
    "change, message",
    [
        ({"form": None}, "has no column form"),
        ({"first": "good"}, "row 4: .* is 'good', which begins with no value"),
    ],
)
def test_what_cannot_be_read_is_said(change, message, folder, tmp_path):
    path = export(folder, tmp_path / "r.csv", lambda *_: 3)
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(True)))
    if "first" in change:
        rows[3][4] = change["first"]
    else:
        at = rows[0].index("form")
        rows = [row[:at] + row[at + 1 :] for row in rows]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(AnswersError, match=message):
        read_qualtrics(path, read_key(folder))


def test_a_table_without_its_three_headers_is_refused(folder, tmp_path):
    (tmp_path / "r.csv").write_text("form,rater\na,b\nc,d\n")
    with pytest.raises(AnswersError, match="no third row with import ids"):
        read_qualtrics(tmp_path / "r.csv", read_key(folder))
