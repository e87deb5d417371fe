"""CSV tables in which nothing is a formula, and in which every text can be read back."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.files.csv_file import SIGNS, csv_text, escape_cell, unescape_cell

FORMULAS = ["=1+1", "=HYPERLINK(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1"]
FORMULAS += ["\n=1", " =1+1", "'=1", "＝1+1", "－1+A1", "-", "-1e", "--1", "+1;=2", "-A1", "+12 points of A1", "-1\n=2"]
PLAIN = ["", "word", "a=b", "-0.3", "+12", "-1e-3", "+0.30 to +0.51", "-3 to +5 points", "-3, +4", "1-2", "'tis", "5%"]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_takes_for_a_formula_is_marked_as_text(text):
    assert escape_cell(text) == f"'{text}" and unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_words_and_numbers_stay(text):
    assert escape_cell(text) == text == unescape_cell(text)


def test_what_is_no_text_stays():
    assert [escape_cell(value) for value in (-3, -0.5, None, True)] == [-3, -0.5, None, True]


@given(st.text(st.sampled_from([*"=+-@'\t\r\n ,.%e1a", *SIGNS]), max_size=8))
def test_every_text_is_read_back(text):
    assert unescape_cell(escape_cell(text)) == text
    # A spreadsheet hides the apostrophe; a formula would begin with a sign.
    assert not escape_cell(text).startswith(("=", "@", "\t", "\r", "\n"))


def test_a_table_keeps_its_numbers_and_its_empty_cells():
    table = pd.DataFrame({"=n": [-1, 2], "x": [-0.25, np.nan], "text": ["=A1", None], "on": [True, False]})
    mixed = table.assign(mixed=pd.Series([-1.5, "-A1"], dtype=object))
    assert csv_text(mixed) == "'=n,x,text,on,mixed\n-1,-0.25,'=A1,True,-1.5\n2,,,False,'-A1\n"
    plain = table.rename(columns={"=n": "n"}).drop(columns="text")
    assert csv_text(plain) == plain.to_csv(index=False)
    assert csv_text(pd.DataFrame()) == pd.DataFrame().to_csv(index=False)


def test_an_index_is_marked_too():
    table = pd.DataFrame({"n": [1]}, index=pd.Index(["=kind"], name="kind"))
    assert list(csv.reader(io.StringIO(csv_text(table, index=True)))) == [["kind", "n"], ["'=kind", "1"]]


def test_a_table_is_left_as_it_was():
    table = pd.DataFrame({"a": ["=1"]})
    csv_text(table)
    assert table.a.tolist() == ["=1"]
