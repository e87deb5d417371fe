"""Tables in every form in which pandas writes them: the same rows."""

import json

import pandas as pd
import pytest

from mirror.building.screenplays.table_file import TableError, read_table

FRAME = pd.DataFrame({"idx": ["a", "b"], "text": ["one,\ntwo", None], "age": [34, 35]})
ROWS = [{"idx": "a", "text": "one,\ntwo", "age": "34"}, {"idx": "b", "text": "", "age": "35"}]


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_json_of_pandas(orient, tmp_path):
    path = tmp_path / "t.json"
    FRAME.to_json(path, orient=orient, index=orient not in ("records",) and None)
    cells = [{name: row.cells[name] for name in ROWS[0]} for row in read_table(path, ["idx", "text"]).rows]
    assert cells == ROWS


def written(tmp_path, name, text, encoding="utf-8"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    return tmp_path / name


RECORDS = json.dumps(FRAME.to_dict("records"))  # with NaN, which is no JSON
FORMS = {
    "a list with NaN": ("t.json", RECORDS, "utf-8"),
    "a list of columns": ("t.json", json.dumps(FRAME.to_dict("list")), "utf-8"),
    "one row": ("t.json", json.dumps(ROWS[0]), "utf-8"),
    "lines": ("t.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n", "utf-8"),
    "lines with Windows ends": ("t.json", "\r\n".join(map(json.dumps, ROWS)), "utf-8"),
    "byte order mark": ("t.json", RECORDS, "utf-8-sig"),
    "UTF-16": ("t.json", RECORDS, "utf-16"),
    "csv": ("t.csv", FRAME.to_csv(index=False), "utf-8"),
    "csv with Windows ends": ("t.csv", FRAME.to_csv(index=False, lineterminator="\r\n"), "utf-8-sig"),
    "csv of a German spreadsheet": ("t.csv", FRAME.to_csv(index=False, sep=";"), "utf-8-sig"),
    "csv in UTF-16": ("T.CSV", FRAME.to_csv(index=False), "utf-16"),
}


@pytest.mark.parametrize("name, text, encoding", FORMS.values(), ids=FORMS)
def test_other_forms(name, text, encoding, tmp_path):
    rows = read_table(written(tmp_path, name, text, encoding), ["idx", "text"]).rows
    assert [dict(row.cells) for row in rows] == ROWS[: len(rows)]
    assert len(rows) == (1 if text == json.dumps(ROWS[0]) else 2)


def test_cells_escaped_for_spreadsheets_are_restored(tmp_path):
    (row,) = read_table(written(tmp_path, "t.csv", "idx,text\na,'- one\n"), ["idx"]).rows
    assert row.cells["text"] == "- one"


def test_a_list_in_a_cell_is_text_of_several_lines(tmp_path):
    (row,) = read_table(written(tmp_path, "t.json", '[{"idx": 7, "text": ["a", "b"]}]'), ["idx"]).rows
    assert row.cells == {"idx": "7", "text": "a\nb"}


def test_a_row_that_cannot_be_read_is_a_fault_of_its_own(tmp_path):
    rows = read_table(written(tmp_path, "t.json", '[{"idx": "a"}, 3, {"idx": {"x": 1}}]'), ["idx"]).rows
    assert [(row.where, row.fault) for row in rows] == [
        ("record 1", ""),
        ("record 2", "is no object, found int"),
        ("record 3", "idx must be text, found dict: \"{'x': 1}\""),
    ]
    split = '{"columns": ["idx", "text"], "data": [["a", "b"], ["a"], 3, ["a", "b", "c"]]}'
    rows = read_table(written(tmp_path, "t.json", split), ["idx"]).rows
    assert [row.fault for row in rows] == [
        "",
        "is no object, found list",
        "is no object, found int",
        "is no object, found list",
    ]
    rows = read_table(written(tmp_path, "t.csv", "idx,text\na,b\nc,d,e\n"), ["idx"]).rows
    assert [row.fault for row in rows][0] == "" and "has 3 cells, the header has 2" in rows[1].fault


FAULTS = {
    "missing": ("none.csv", None, "cannot be read"),
    "ending": ("t.xlsx", "", "tables are .csv or .json files, found '.xlsx'"),
    "empty csv": ("t.csv", "", "is empty"),
    "empty json": ("t.json", "  \n", "is empty"),
    "damaged": ("t.json", '[{"idx": ', "cannot be read as JSON"),
    "damaged line": ("t.json", '{"idx": 1}\n{"idx"', "line 2: is not valid JSON"),
    "twice": ("t.json", '[{"idx": 1, "idx": 2}]', "names 'idx' twice"),
    "a number": ("t.json", "3", "must hold a list of objects, found int"),
    "an object": ("t.json", '{"x": 1}', "found an object of x"),
    "holes": ("t.json", '{"idx": {"0": 1, "1": 2}, "text": {"0": 1}}', "column text has 1 of 2 rows"),
    "names that are none": ("t.json", '{"columns": ["idx", true], "data": [["a", "b"]]}', "columns must be a list of"),
    "names twice": ("t.json", '{"columns": ["idx", "idx"], "data": [["a", "b"]]}', "column idx occurs several times"),
    "unclosed": ("t.csv", 'idx,text\na,"b\n', "is not valid CSV"),
    "column twice": ("t.csv", "idx,idx\na,b\n", "column idx occurs several times"),
    "latin": ("t.csv", b"idx\n\xe9\n", "is not UTF-8 text"),
}


@pytest.mark.parametrize("name, content, message", FAULTS.values(), ids=FAULTS)
def test_a_file_that_is_no_table_is_an_error_with_its_name(name, content, message, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TableError) as error:
        read_table(path, ["idx", "text"])
    assert name in str(error.value) and message in str(error.value)


def test_very_many_columns_take_no_longer_than_their_number(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"columns": ["idx"] * 200_000, "data": []}), encoding="utf-8")
    with pytest.raises(TableError, match="column idx occurs several times"):
        read_table(path, ["idx"])
