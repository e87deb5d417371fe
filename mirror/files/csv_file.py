"""CSV tables that are safe to open in a spreadsheet: no cell is interpreted as a formula.

Text that begins with `=`, `+`, `-`, `@`, a tab or a line end (also after spaces and apostrophes, and in full width) is
prefixed with an apostrophe, which spreadsheets read as a mark for text. Numbers are unchanged, and so are texts such as
`-0.3` and `+12 points`. `unescape_cell` restores every text.
"""

import re
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

SIGNS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?%?"
_NUMBERS = re.compile(rf"{_NUMBER}((, | to ){_NUMBER})*( points)?", re.ASCII | re.IGNORECASE)


def csv_text(table: pd.DataFrame, index: bool = False) -> str:
    """Format a table as CSV, with column names, text cells and the index escaped by `escape_cell`.

    Args:
        table: any table.
        index: whether to write the index.
    """
    shown = table.rename(columns=escape_cell)
    for place, (_, column) in enumerate(table.items()):
        if not is_numeric_dtype(column) and not is_bool_dtype(column):
            shown.isetitem(place, column.map(escape_cell).array)
    return (shown.rename(index=escape_cell) if index else shown).to_csv(index=index)


def escape_cell(value: Any) -> Any:
    """Prefix text that a spreadsheet could read as a formula with an apostrophe; return anything else unchanged."""
    return f"'{value}" if isinstance(value, str) and _could_be_formula(value) else value


def unescape_cell(text: str) -> str:
    """Restore the text from which `escape_cell` made `text`."""
    return text[1:] if text.startswith("'") and _could_be_formula(text[1:]) else text


def _could_be_formula(text: str) -> bool:
    bare = text.lstrip(" '")
    return bare.startswith(SIGNS) and not _NUMBERS.fullmatch(bare)
