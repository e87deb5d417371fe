"""A training set's file as rows: a list or lines, by what stands in it; each line that is no JSON keeps its number."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirror.training.records.faults import DataError
from mirror.training.records.record_file import BadLine, JsonObject, read_rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.fixed_dictionaries({"conversations": VALUES, "id": VALUES}), min_size=1, max_size=4)


@pytest.fixture
def read(tmp_path):
    def read(text, name="data.json"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_rows(tmp_path / name)

    return read


def refusal(read, *given):
    with pytest.raises(DataError) as refused:
        read(*given)
    (fault,) = refused.value.faults
    return fault.record, fault.field, fault.problem


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, is_ascii=st.booleans())
def test_a_list_and_lines_hold_the_same_records(records, is_ascii, read):
    lines = [json.dumps(record, ensure_ascii=is_ascii) for record in records]
    assert read(f"[{','.join(lines)}]") == records
    assert read("\n".join(lines), "data.jsonl") == records
    if len(records) > 1:
        assert read("\n\n".join(lines) + "\n") == records


def test_a_bad_line_keeps_its_number_and_the_others_are_read(read):
    first, bad, last = read('{"conversations": 1}\n\n{"conversations": \n[3]', "data.jsonl")
    assert (first, last) == ({"conversations": 1}, [3])
    assert isinstance(bad, BadLine) and bad.line == 3 and "Expecting value" in bad.problem


def test_lines_are_told_by_a_record_or_by_the_ending(read):
    assert len(read('{"conversations": []}\nrest')) == 2
    assert read('{"a": 1}\n{"b": 2}', "data.NDJSON") == [{"a": 1}, {"b": 2}]
    assert refusal(read, '{"a": 1}\n{"b": 2}')[:2] == ("file", "JSON")
    assert "Expecting" in refusal(read, '[{"conversations": []},')[2]


def test_one_object_is_one_line_of_lines_and_no_list(read):
    assert read('{"conversations": []}', "data.jsonl") == [{"conversations": []}]
    assert refusal(read, '{"conversations": []}')[2].endswith("found dict")


@pytest.mark.parametrize("text, found", [("[]", "an empty list"), ('"x"', "str"), ("7", "int"), ("null", "NoneType")])
def test_what_is_no_list_of_records_says_what_it_is(text, found, read):
    problem = f"must be a list of records, or JSON Lines with one record per line, found {found}"
    assert refusal(read, text) == ("file", "JSON", problem)


@pytest.mark.parametrize("text", ["", " \n", "[" * 100_000])
def test_what_is_no_json_is_one_fault(text, read):
    assert refusal(read, text)[:2] == ("file", "JSON")


def test_a_key_that_stands_twice_is_told_where_its_values_differ(read):
    (record,) = read('[{"id": 1, "image": "a", "id": 2, "image": "a"}]')
    assert isinstance(record, JsonObject) and record == {"id": 2, "image": "a"} and record.repeated == ("id",)
    assert read('[{"id": 1, "id": 1}]')[0].repeated == ()


def test_a_file_that_is_not_there_or_in_no_known_encoding_is_named(tmp_path, read):
    with pytest.raises(DataError, match="gone.json: 1 fault:\n  file: text: cannot be read"):
        read_rows(tmp_path / "gone.json")
    with pytest.raises(DataError, match="save the file as UTF-8"):
        read(b'[{"conversations": "\xe9"}]')
