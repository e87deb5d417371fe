"""Tables as files and as they are printed."""

from math import nan

import pandas as pd

from mirror.analysis import tables
from mirror.analysis.comparison import ArmRow

MEASURES = pd.DataFrame(
    [
        ArmRow("names", "names", "share", "higher", "a", "base", 0.5, 0.4, 0.6, 9, 0),
        ArmRow("names", "names", "share", "higher", "b", "ec", 0.25, nan, nan, 8, 0),
        ArmRow("turns", "turns", "number", "", "a", "base", 4.0, 3.0, 5.0, 9, 0),
        ArmRow("turns", "turns", "number", "", "b", "ec", nan, nan, nan, 0, 8),
    ]
)


def test_measures_by_arm():
    table = tables.measures_table(MEASURES)
    assert table.columns.tolist() == ["mean (interval)", "a (n = 9)", "b (n = 8)"]
    assert table.values.tolist() == [
        ["names ↑", "50% (40 to 60)", "25%"],
        ["turns", "4.00 (3.00 to 5.00)", "–"],
    ]


def test_a_measure_with_fewer_values_than_its_arm_says_so():
    fewer = MEASURES.assign(n=[9, 8, 7, 0])
    assert tables.measures_table(fewer)["a (n = 9)"].tolist() == ["50% (40 to 60)", "4.00 (3.00 to 5.00), n = 7"]
    assert tables.measures_table(MEASURES[:0]).empty


def test_an_empty_table_leaves_no_file_of_an_earlier_one(tmp_path):
    tables.write_table(tmp_path, "measures", tables.measures_table(MEASURES))
    tables.write_table(tmp_path, "measures", pd.DataFrame())
    assert list(tmp_path.iterdir()) == []


def test_a_difference_that_nothing_could_show_is_none_and_no_number_of_json():
    assert tables.plain(pd.DataFrame({"a": [float("inf"), -float("inf")]})) == [{"a": None}, {"a": None}]


def test_a_table_is_written_as_csv_and_as_latex(tmp_path):
    tables.write_table(tmp_path, "measures", tables.measures_table(MEASURES))
    assert pd.read_csv(tmp_path / "measures.csv").shape == (2, 3)
    latex = (tmp_path / "measures.tex").read_text()
    assert r"\toprule" in latex and r"names $\uparrow$ & 50\% (40 to 60) & 25\% \\" in latex
    assert latex.isascii()


def test_markdown_shows_text_as_it_is():
    told = tables.markdown(pd.DataFrame({"arm": ["ec_planning", "<b>|x|</b>"], "n": [1, 2]}))
    assert told.splitlines()[2:] == [r"| ec\_planning | 1 |", r"| \<b\>\|x\|\</b\> | 2 |"]


def test_text_has_its_columns_side_by_side():
    assert tables.text(pd.DataFrame({"a": ["x", "long"], "b": [1, 2]})) == "a     b\nx     1\nlong  2"


def test_json_has_no_nan():
    assert tables.plain(pd.DataFrame({"a": [1.0, nan]})) == [{"a": 1.0}, {"a": None}]
    assert tables.plain(pd.DataFrame()) == []
