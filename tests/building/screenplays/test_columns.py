"""Declared columns: parsed, and held against the columns that a table has."""

import pytest

from mirror.building.screenplays.columns import ColumnsError, parse_columns, resolve_columns


def test_columns_are_parsed():
    assert parse_columns("") == {}
    assert parse_columns("dialogue=screenplay, reason = the why ,") == {"dialogue": "screenplay", "reason": "the why"}


def test_a_field_may_be_named_by_its_default_column():
    assert parse_columns("cbt_plan=p, reason_for_seeking_counseling=r") == {"plan": "p", "reason": "r"}


FAULTS = {
    "dialog=x": "unknown field 'dialog'; did you mean dialogue?",
    "zzz=x": "unknown field 'zzz'; the fields are idx,",
    "dialogue": "'dialogue' must have the form field=column",
    "dialogue=": "must have the form field=column",
    "plan=a, cbt_plan=b": "plan is given twice, as 'a' and 'b'",
}


@pytest.mark.parametrize("text, message", FAULTS.items())
def test_wrong_declarations_are_named(text, message):
    with pytest.raises(ColumnsError) as error:
        parse_columns(text)
    assert message in str(error.value)


def test_all_wrong_declarations_are_named_at_once():
    with pytest.raises(ColumnsError) as error:
        parse_columns("dialog=x, y")
    assert len(str(error.value).splitlines()) == 2


def test_a_table_has_the_declared_columns_and_the_defaults():
    found = ["idx", "screenplay", "dialogue", "age"]
    columns = resolve_columns({"dialogue": "screenplay"}, ["idx", "dialogue"], found, "t.csv")
    assert columns == {"idx": "idx", "dialogue": "screenplay", "age": "age"}


def test_missing_columns_are_named_at_once_with_what_was_found():
    with pytest.raises(ColumnsError) as error:
        resolve_columns({"person": "celeba"}, ["idx", "dialogue"], ["id", "dialog"], "t.csv")
    message = str(error.value)
    assert "t.csv: column 'idx' (idx) is missing; is it 'id'?" in message
    assert "column 'dialogue' (dialogue) is missing; is it 'dialog'?" in message
    assert "column 'celeba' (person) is missing" in message
    assert "the columns found are id, dialog" in message
