"""A run of sessions to look at: its cast, its clients, a session turn by turn. HTML, all text escaped."""

import html
import json
import re
from typing import Any

import pandas as pd

from mirror.figures import FACE, TABLE_STYLE, escaped, face_url
from mirror.transcripts.session_folder import SessionFolder

FOLD = 90  # characters of a fact that are shown at once
FACTS_STYLE = (
    "<style>.wide.facts td {max-width: 52em; overflow-wrap: anywhere; columns: 2 20em; column-gap: 2.5em} "
    ".facts td > div {break-inside: avoid} .facts .inner {padding-left: 1.2em}</style>"
)


def table(rows: pd.DataFrame) -> str:
    """All rows with their whole text."""
    with pd.option_context("display.max_colwidth", None):
        return TABLE_STYLE + rows.to_html(index=False, border=0, classes="wide", max_rows=None)


def session(folder: SessionFolder) -> str:
    """One row per turn: the face as the counselor saw it, what was said, and a plan where the counselor makes it."""
    rows, technique = "", ""
    for turn in folder.turns():
        face, verdict = "", ""
        if turn.face:
            face = f"<img src='{face_url(folder.folder / turn.face.file)}' width={FACE} alt='face'>"
            verdict = (
                f"attempt {turn.face.chosen} of {len(turn.face.attempts)}" + ", not accepted" * turn.face.exhausted
            )
        client = f"<i>{html.escape(turn.cue)}</i><br>{escaped(turn.words)}"
        reply = (f"<i>{html.escape(turn.caption)}</i><br>" if turn.caption else "") + escaped(turn.reply)
        if turn.technique != technique:
            steps = "".join(f"<li>{escaped(step)}</li>" for step in turn.plan)
            reply += f"<br><i>the plan: {html.escape(turn.technique)}</i><ol>{steps}</ol>"
        technique = turn.technique
        cells = (str(turn.number), f"{face}<br>{verdict}", client, reply)
        rows += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    heads = ("turn", "the client's face", "the client: cue and words", "the counselor: caption and words")
    return f"{TABLE_STYLE}<table class='wide'><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{rows}</table>"


def facts(by_role: dict[str, Any]) -> str:
    """What every collaborator says of itself; what is long, or deep inside, is folded."""
    rows = "".join(f"<tr><th>{html.escape(role)}</th><td>{_facts(said)}</td></tr>" for role, said in by_role.items())
    return f"{TABLE_STYLE}{FACTS_STYLE}<table class='wide facts'>{rows}</table>"


def _facts(value: dict[str, Any]) -> str:
    told = {str(name): part for name, part in value.items() if part not in ("", None)}
    return "".join(f"<div>{html.escape(name.replace('_', ' '))}: {_fact(part)}</div>" for name, part in told.items())


def _fact(value: Any) -> str:
    if isinstance(value, dict) and not any(isinstance(part, dict) for part in value.values()):
        return f"<div class='inner'>{_facts(value)}</div>"
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | tuple) else str(value)
    if re.fullmatch("[0-9a-f]{64}", text):
        return f"<b title='{text}'>{text[:12]} …</b>"
    if len(text) <= FOLD:
        return f"<b>{html.escape(text)}</b>"
    indented = json.dumps(value, indent=1, ensure_ascii=False, default=str) if not isinstance(value, str) else value
    head = ", ".join(map(str, value)) if isinstance(value, dict) else text
    return f"<details><summary>{html.escape(head[:FOLD])} …</summary><pre>{html.escape(indented)}</pre></details>"
