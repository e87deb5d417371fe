"""CSV tables that a spreadsheet shows as they are: no cell of theirs is taken for a formula.

Text that begins with `=`, `+`, `-`, `@`, a tab or a line end (also after blanks and apostrophes, and in full width)
gets an apostrophe before it, as spreadsheets mark text; numbers stay numbers, also `-0.3` and `+12 points` as text.
Read back by `text_of_cell`, every text is what it was.
"""

import re
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

SIGNS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?%?"
_NUMBERS = re.compile(rf"{_NUMBER}((, | to ){_NUMBER})*( points)?", re.ASCII | re.IGNORECASE)


def csv_text(table: pd.DataFrame, index: bool = False) -> str:
    """The table as CSV; column names, texts, and the index where it is written, as `cell` gives them."""
    shown = table.rename(columns=cell)
    for place, (_, column) in enumerate(table.items()):
        if not is_numeric_dtype(column) and not is_bool_dtype(column):
            shown.isetitem(place, column.map(cell))
    return (shown.rename(index=cell) if index else shown).to_csv(index=index)


def cell(value: Any) -> Any:
    """Text as a cell that is no formula; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and _could_be_formula(value) else value


def text_of_cell(text: str) -> str:
    """The text of which `cell` made `text`."""
    return text[1:] if text.startswith("'") and _could_be_formula(text[1:]) else text


def _could_be_formula(text: str) -> bool:
    bare = text.lstrip(" '")
    return bare.startswith(SIGNS) and not _NUMBERS.fullmatch(bare)
