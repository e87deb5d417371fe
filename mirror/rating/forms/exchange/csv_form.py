"""Forms as CSV, to fill in with a spreadsheet: one row per session or turn, and item; transcripts in a second file."""

import re
from pathlib import Path

import pandas as pd

from mirror.files.csv_file import CsvFileError, csv_text, read_csv, unescape_cell
from mirror.rating.forms.answers import Answer, Answers, AnswersError, Comment
from mirror.rating.forms.form import Form
from mirror.rating.forms.key import Key

COLUMNS = ["form", "rater", "code", "turn", "item", "text", "lowest", "highest", "value", "comment", "at"]
READ = ["form", "rater", "code", "turn", "item", "value"]  # must be there when a table comes back
WHOLE = "whole"  # in the column turn
_WHOLE = re.compile(r"-?\d{1,6}(\.0+)?", re.ASCII)


def csv_forms(form: Form) -> dict[str, str]:
    """Returns the table to fill in, and the one with the transcripts to read, by file name."""
    scale, items = form.instrument.scale, form.instrument.items
    rows = [
        (form.id, form.rater, code, WHOLE if turn is None else turn, item.id, item.text or item.id)
        + (scale.lowest, scale.highest, "", "", "")
        for (code, turn), _ in form.parts()
        for item in items
    ]
    turns = [
        (code, turn.number, turn.cue, turn.words, turn.reply)
        for code, (_, shown) in form.sessions.items()
        for turn in shown
    ]
    transcripts = pd.DataFrame(turns, columns=["code", "turn", "seen", "client", "counselor"])
    return {
        f"{form.rater}-ratings.csv": csv_text(pd.DataFrame(rows, columns=COLUMNS)),
        f"{form.rater}-sessions.csv": csv_text(transcripts),
    }


def read_csv_answers(path: Path, key: Key) -> list[Answers]:
    """Reads a filled-in table, which may hold the rows of several forms; a row without a value is unanswered.

    Raises:
        AnswersError: the file is no such table, or a value is no whole number.
    """
    try:
        table = read_csv(path, COLUMNS)
    except CsvFileError as error:
        raise AnswersError(str(error)) from None
    if absent := [name for name in READ if name not in table.header]:
        raise AnswersError(f"has no column {', '.join(absent)}; give the table of ratings that was written for a rater")
    faults = [
        f"row {number}: has {count} cells, the header {len(table.header)}" for number, count in table.uneven.items()
    ]
    rows = [(number, dict(zip(table.header, cells, strict=True))) for number, cells in table.rows.items()]
    found: dict[tuple[str, str], tuple[list[Answer], dict[tuple[str, int | None], Comment]]] = {}
    for number, row in rows:
        answers, comments = found.setdefault((row["form"], row["rater"]), ([], {}))
        turn, value = _whole(row["turn"]) if row["turn"] != WHOLE else None, _whole(row["value"])
        if row["turn"] != WHOLE and turn is None:
            faults.append(f"row {number}: turn is {row['turn']!r:.40}; it is a number, or {WHOLE}")
        elif row["value"] and value is None:
            faults.append(f"row {number}: value is {row['value']!r:.40}; give a whole number, or leave it empty")
        elif value is not None:
            answers.append(Answer(code=row["code"], turn=turn, item=row["item"], value=value))
        if text := unescape_cell(row.get("comment", "")):
            before = comments.get((row["code"], turn))
            joined = f"{before.text}\n{text}" if before and text not in before.text.split("\n") else text
            comments[row["code"], turn] = Comment(code=row["code"], turn=turn, text=joined)
    if faults:
        raise AnswersError("\n".join(faults))
    return [
        Answers(
            form=form, rater=rater, instrument_sha256=key.instrument_sha256, answers=answers, comments=[*told.values()]
        )
        for (form, rater), (answers, told) in found.items()
    ]


def answers_table(given: Answers) -> pd.DataFrame:
    """Returns answers as a table with the columns of a form: one row per answer."""
    rows = [
        {"form": given.form, "rater": given.rater, "code": one.code, "turn": WHOLE if one.turn is None else one.turn}
        | {"item": one.item, "value": one.value, "at": one.at}
        | {"comment": remark.text if (remark := given.remarks.get((one.code, one.turn))) else ""}
        for one in given.answers
    ]
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("text", "lowest", "highest")])


def _whole(text: str) -> int | None:
    """Reads a whole number, also as spreadsheets may write it (`3.0`)."""
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None
