"""Forms for Qualtrics: a survey in its Advanced Format (TXT) out, its response CSV in.

Each item is a question with the export tag `<code>_<item>` or `<code>_<turn>_<item>`, whose choices are recoded to the
values of the scale. The form id is embedded data. Faces are not part of a TXT import.
"""

import csv
import html
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirror.files.text_file import TextFileError, read_text
from mirror.rating.forms.answers import Answer, Answers, AnswersError, Comment
from mirror.rating.forms.exchange.label_studio import transcript_html
from mirror.rating.forms.form import RESEARCH, Form
from mirror.rating.forms.key import Key, Part

COMMENT = "Comment"  # no item has such an id
HEADERS = 3  # rows before the responses: tags, question texts, import ids
_LEADING = re.compile(r"\s*(-?\d{1,6})(?:\s|:|$)", re.ASCII)


def qualtrics_file(form: Form) -> dict[str, str]:
    """Returns a rater's survey, by file name."""
    instrument = form.instrument
    anchors = instrument.scale.anchors
    choices = ["[[AdvancedChoices]]"]
    for value in instrument.scale.values:
        choices += [f"[[Choice:{value}]]", f"{value}: {anchors[value]}" if value in anchors else f"{value}"]
    lines = ["[[AdvancedFormat]]", f"[[ED:form:{form.id}]]", f"[[ED:rater:{form.rater}]]", "", "[[Block:Instructions]]"]
    texts = filter(None, [instrument.title, RESEARCH, instrument.task.strip(), form.legend])
    lines += ["[[Question:DB]]", "[[ID:instructions]]", "<br><br>".join(_inert(text) for text in texts), ""]
    for part, turns in form.parts():
        faceless = [replace(turn, face="") for turn in turns]
        lines += [f"[[Block:Session {_tag(part)}]]", "[[Question:DB]]", f"[[ID:{_tag(part)}_text]]"]
        lines += [_inert_html(transcript_html(faceless)), ""]
        for item in instrument.items:
            lines += ["[[Question:MC:SingleAnswer:Horizontal]]", f"[[ID:{_tag(part)}_{item.id}]]"]
            lines += [_inert(item.text or item.id), *choices, ""]
        lines += ["[[Question:TE:Essay]]", f"[[ID:{_tag(part)}_{COMMENT}]]", "Comment (optional)", ""]
    return {f"{form.rater}-qualtrics.txt": "\n".join(lines)}


def read_qualtrics(path: Path, key: Key) -> list[Answers]:
    """Reads Qualtrics' response CSV, with numeric values or with choice texts; previews are left out.

    Raises:
        AnswersError: the file is no such export, or a value is none of the scale.
    """
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline=""), strict=True))
    except OSError as error:
        raise AnswersError(f"cannot be read ({error.strerror})") from None
    except (TextFileError, csv.Error) as error:
        raise AnswersError(f"is no CSV ({error}); export the responses as CSV") from None
    header = rows[0] if rows else []
    if absent := [name for name in ("form", "rater") if name not in header]:
        raise AnswersError(f"has no column {', '.join(absent)}; export responses with embedded data")
    if len(rows) < HEADERS or not any("ImportId" in cell for cell in rows[HEADERS - 1]):
        raise AnswersError("has no third row with import ids; export it as CSV, and do not edit it")
    tags = {f"{_tag(part)}_{item}": (part, item) for part in _all_parts(key) for item in (*key.items, COMMENT)}
    faults, found = [], []
    for number, cells in enumerate(rows[HEADERS:], HEADERS + 1):
        if len(cells) != len(header):
            faults.append(f"row {number}: has {len(cells)} cells, the header {len(header)}")
            continue
        row = dict(zip(header, cells, strict=True))
        if "preview" in row.get("Status", "").lower() or row.get("Status") == "1":
            continue
        answers, comments, wrong = _response(row, tags)
        faults += [f"row {number}: {fault}" for fault in wrong]
        digest = key.instrument_sha256
        form, rater = row["form"], row["rater"]
        found.append(Answers(form=form, rater=rater, instrument_sha256=digest, answers=answers, comments=comments))
    if faults:
        raise AnswersError("\n".join(faults))
    return found


def _response(row: dict[str, str], tags: dict[str, tuple[Part, str]]) -> tuple[list[Answer], list[Comment], list[str]]:
    """The answers and comments of one response, and what cannot be read."""
    answers: list[Answer] = []
    comments: list[Comment] = []
    faults: list[str] = []
    for tag, cell in row.items():
        if tag not in tags or not cell.strip():
            continue
        (code, turn), item = tags[tag]
        part: dict[str, Any] = {"code": code, "turn": turn}
        if item == COMMENT:
            comments.append(Comment(**part, text=cell.strip()))
        elif value := _LEADING.match(cell):
            answers.append(Answer(**part, item=item, value=int(value[1])))
        else:
            faults.append(f"{tag} is {cell!r:.60}, which begins with no value of the scale")
    return answers, comments, faults


def _all_parts(key: Key) -> list[Part]:
    return [(code, turn) for code, session in key.sessions.items() for turn in session.parts]


def _tag(part: Part) -> str:
    code, turn = part
    return code if turn is None else f"{code}_{turn}"


def _inert(text: str) -> str:
    """One line of HTML: a line break or a tag of the format in a text would end the question."""
    return _inert_html(html.escape(" ".join(text.split())))


def _inert_html(text: str) -> str:
    return text.replace("[[", "&#91;&#91;").replace("\n", " ")
