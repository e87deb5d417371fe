"""Forms for Label Studio: tasks and a labeling configuration out, its JSON export in.

Each task is one session or turn of one form. An item is a choice of one value, the comment a text area.
"""

import html
import json
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from pydantic import BaseModel, ConfigDict, ValidationError

from mirror.files.json_file import strict_json
from mirror.rating.forms.answers import Answer, Answers, AnswersError, Comment
from mirror.rating.forms.form import RESEARCH, Form
from mirror.rating.forms.key import Key
from mirror.rating.forms.sessions import ShownTurn

COMMENT, TEXT = "Comment", "Transcript"  # names of controls; no item has such an id
_WHOLE = re.compile(r"-?\d{1,6}", re.ASCII)


class _Outside(BaseModel):
    """Label Studio adds fields from version to version; only those that are used are declared."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Value(_Outside):
    choices: list[str] = []
    text: list[str] | str = []


class _Result(_Outside):
    from_name: str
    value: _Value


class _Annotation(_Outside):
    result: list[_Result]
    was_cancelled: bool = False
    updated_at: str = ""


class _Data(_Outside):
    form: str
    rater: str
    code: str
    turn: int | None


class _Task(_Outside):
    data: _Data
    annotations: list[_Annotation] = []


def label_studio_files(form: Form) -> dict[str, str]:
    """Returns a rater's tasks and the labeling configuration, by file name."""
    tasks = [
        {
            "data": {
                "form": form.id,
                "rater": form.rater,
                "code": code,
                "turn": turn,
                "title": code if turn is None else f"{code}, turn {turn}",
                TEXT: transcript_html(turns),
            }
        }
        for (code, turn), turns in form.parts()
    ]
    return {
        f"{form.rater}-label-studio.json": json.dumps(tasks, ensure_ascii=False, indent=1) + "\n",
        "label-studio.xml": _configuration(form),
    }


def transcript_html(turns: list[ShownTurn]) -> str:
    """Formats a transcript with its faces as HTML; all texts are escaped."""
    return "".join(
        f"<div>{_picture(turn)}<p><small>Turn {turn.number}</small></p>"
        + (f"<p><i>{html.escape(turn.cue)}</i></p>" if turn.cue else "")
        + f"<p><b>Client:</b> {_lines(turn.words) or '(silent)'}{' (ends the session)' if turn.ended else ''}</p>"
        + (f"<p><b>Counselor:</b> {_lines(turn.reply)}</p>" if turn.reply else "")
        + "</div>"
        for turn in turns
    )


def _picture(turn: ShownTurn) -> str:
    return f'<img src="{turn.face}" alt="Face in turn {turn.number}" width="128">' if turn.face else ""


def _lines(text: str) -> str:
    return "<br>".join(html.escape(line) for line in text.splitlines())


def _configuration(form: Form) -> str:
    """The labeling configuration: the transcript, the items with their anchors, a comment."""
    instrument = form.instrument
    anchors = "; ".join(f"{value} = {words}" for value, words in sorted(instrument.scale.anchors.items()))
    lines = ["<View>", f"  <Header value={quoteattr(instrument.title)}/>", '  <Header value="$title" size="5"/>']
    texts = [RESEARCH, instrument.task.strip(), *filter(None, [form.legend]), f"Scale: {anchors}"]
    lines += [f'  <Header value={quoteattr(text)} size="6"/>' for text in texts]
    lines.append(f'  <HyperText name="{TEXT}" value="${TEXT}" inline="true"/>')
    for item in instrument.items:
        lines.append(f'  <Header value={quoteattr(item.text or item.id)} size="5"/>')
        lines.append(f'  <Choices name="{item.id}" toName="{TEXT}" choice="single" showInline="true">')
        lines += [f'    <Choice value="{value}"/>' for value in instrument.scale.values]
        lines.append("  </Choices>")
    lines.append(f'  <TextArea name="{COMMENT}" toName="{TEXT}" placeholder="Comment (optional)" maxSubmissions="1"/>')
    return "\n".join([*lines, "</View>", ""])


def read_label_studio(path: Path, key: Key) -> list[Answers]:
    """Reads Label Studio's JSON export (`JSON`, not `JSON-MIN`); skipped annotations are left out.

    Raises:
        AnswersError: the file is no such export, a task has two annotations, or a choice is no value of the scale.
    """
    try:
        record = strict_json(path.read_bytes())
    except OSError as error:
        raise AnswersError(f"cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise AnswersError(f"is no JSON ({error})") from None
    if not isinstance(record, list):
        raise AnswersError("is no export of Label Studio: it must hold a list of tasks; export as JSON")
    faults: list[str] = []
    found: dict[tuple[str, str], tuple[list[Answer], list[Comment]]] = {}
    for number, each in enumerate(record, 1):
        try:
            task = _Task.model_validate(each)
        except ValidationError as error:
            first = error.errors()[0]
            faults.append(f"task {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}; export as JSON")
            continue
        answers, comments = found.setdefault((task.data.form, task.data.rater), ([], []))
        given = [one for one in task.annotations if not one.was_cancelled]
        if len(given) > 1:
            faults.append(
                f"task {number} ({task.data.code:.40}): has {len(given)} annotations; keep the one that counts"
            )
        for annotation in given[:1]:
            faults += [
                f"task {number} ({task.data.code:.40}): {fault}" for fault in _read(task, annotation, answers, comments)
            ]
    if faults:
        raise AnswersError("\n".join(faults))
    return [
        Answers(form=form, rater=rater, instrument_sha256=key.instrument_sha256, answers=answers, comments=comments)
        for (form, rater), (answers, comments) in found.items()
    ]


def _read(task: _Task, annotation: _Annotation, answers: list[Answer], comments: list[Comment]) -> list[str]:
    """Adds what an annotation says to `answers` and `comments`; returns what cannot be read."""
    part: dict[str, Any] = {"code": task.data.code, "turn": task.data.turn}
    faults = []
    for result in annotation.result:
        if result.from_name == COMMENT:
            texts = [result.value.text] if isinstance(result.value.text, str) else result.value.text
            comments.append(Comment(**part, text="\n".join(texts)))
            continue
        if len(result.value.choices) != 1 or not _WHOLE.fullmatch(result.value.choices[0]):
            faults.append(f"{result.from_name:.40} is {result.value.choices!r:.60}, not one whole number")
            continue
        answers.append(Answer(**part, item=result.from_name, value=int(result.value.choices[0])))
    return faults
