"""Forms as CSV: filled in with a spreadsheet, read back as the same answers."""

import csv
import io

import pandas as pd
import pytest

from mirror.rating.forms.answers import AnswersError, answer_faults
from mirror.rating.forms.exchange.csv_form import read_csv_answers
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from tests.filled_forms import drawn, filled, form_of, save, study, write_runs


@pytest.fixture
def folder(output):
    return study(output, write_runs(output, ["60", "61"]))


def fill(folder, rater, value, comment="", path=None):
    """Fills in the table of a rater as pandas would: a value per row, a comment in the first row of each session."""
    table = pd.read_csv(folder / f"forms/{rater}-ratings.csv", dtype=str, keep_default_na=False)
    turns = table["turn"].map(lambda turn: None if turn == "whole" else int(turn))
    table["value"] = [
        str(value(code, turn, item)) for code, turn, item in zip(table["code"], turns, table["item"], strict=True)
    ]
    table["comment"] = [comment if is_first else "" for is_first in ~table["code"].duplicated()]
    path = path or folder / f"{rater}.csv"
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("instrument", ["helpfulness", "resistance"])
def test_a_filled_in_table_gives_the_same_answers_as_the_form(instrument, output):
    folder = study(output, write_runs(output, ["60", "61"]), instrument=instrument)
    key = read_key(folder)
    (given,) = read_csv_answers(fill(folder, "anna", drawn(key), "so, so"), key)
    expected = filled(folder, "anna", drawn(key))["answers"]
    assert [one.model_dump(exclude={"at"}) for one in given.answers] == [
        {name: value for name, value in one.items() if name != "at"} for one in expected
    ]
    assert {one.text for one in given.comments} == {"so, so"} and len(given.comments) == 4
    assert answer_faults(given, key) == []


def test_the_table_and_the_form_import_to_the_same_ratings(folder, tmp_path):
    key = read_key(folder)
    (done,) = import_files(folder, [fill(folder, "anna", drawn(key))], "csv")
    assert (done.rater, done.written, done.missing) == ("anna", 4, ())
    (again,) = import_files(folder, [save(tmp_path / "a.json", filled(folder, "anna", drawn(key)))])
    assert (again.written, again.faults) == (0, ())


def test_a_row_without_a_value_is_unanswered(folder):
    path = fill(folder, "anna", lambda code, turn, item: "" if item == "empathy" else 3)
    (given,) = read_csv_answers(path, read_key(folder))
    assert {one.item for one in given.answers} == {"helpful"} and len(given.answers) == 4


def test_values_as_spreadsheets_write_them_are_read(folder):
    (given,) = read_csv_answers(fill(folder, "anna", lambda *_: "3.0"), read_key(folder))
    assert {one.value for one in given.answers} == {3}


def test_two_raters_may_share_a_file(folder, tmp_path):
    tables = [pd.read_csv(fill(folder, rater, lambda *_: 2), dtype=str) for rater in ("anna", "ben")]
    pd.concat(tables).to_csv(tmp_path / "both.csv", index=False)
    found = read_csv_answers(tmp_path / "both.csv", read_key(folder))
    assert [(one.rater, one.form) for one in found] == [(name, form_of(folder, name)) for name in ("anna", "ben")]


@pytest.mark.parametrize(
    "value, message", [("good", "row 2: value is 'good'"), ("2.5", "row 2: value is '2.5'"), ("inf", "row 2: value")]
)
def test_what_is_no_whole_number_is_named_by_its_row(value, message, folder):
    with pytest.raises(AnswersError, match=message):
        read_csv_answers(fill(folder, "anna", lambda *_: value), read_key(folder))


def test_another_table_is_refused(folder):
    with pytest.raises(AnswersError, match="has no column form"):
        read_csv_answers(folder / "forms/anna-sessions.csv", read_key(folder))
    with pytest.raises(AnswersError, match="cannot be read"):
        read_csv_answers(folder / "none.csv", read_key(folder))


def test_transcripts_have_every_turn_and_no_formula(output):
    runs = write_runs(output, ["60"], turns=2)
    folder = study(output, runs)
    rows = list(csv.DictReader(io.StringIO((folder / "forms/anna-sessions.csv").read_text())))
    assert len(rows) == 4 and set(rows[0]) == {"code", "turn", "seen", "client", "counselor"}
    assert {row["code"] for row in rows} == set(read_key(folder).sessions)
