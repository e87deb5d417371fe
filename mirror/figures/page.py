"""HTML tables of a run of sessions: its cast, its clients, a session turn by turn. All text is escaped."""

import base64
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.figures.html_table import TABLE_STYLE, escaped, face, html_table
from mirror.figures.sessions import faces_by_turn
from mirror.figures.style import figure, png
from mirror.natural_order import natural_key
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

MOST_SESSIONS = 12  # in the figure of a run
CAPTION = (
    "The face that each client showed in each turn, by session. A frame marks a face of which no attempt was accepted; "
    "the turn in which a client ends the session has none."
)
MOST_ROWS = 1000  # of a table; a notebook that holds more is slow to open
FOLD = 90  # characters of a fact; longer ones are folded
FACTS_STYLE = (
    "<style>.wide.facts td {max-width: 52em; overflow-wrap: anywhere; columns: 2 20em; column-gap: 2.5em} "
    ".facts td > div {break-inside: avoid} .facts .inner {padding-left: 1.2em}</style>"
)


def table(rows: pd.DataFrame) -> str:
    """Builds a table of all rows with their full text; of a longer one, of the first `MOST_ROWS`.

    A missing value is a dash; a column without any value is left out.
    """
    rows = rows.dropna(axis="columns", how="all")
    if rows.empty:
        return "<p>No rows.</p>"
    with pd.option_context("display.max_colwidth", None):
        shown = rows.head(MOST_ROWS).to_html(index=False, border=0, classes="wide", max_rows=None, na_rep="–")
    more = f"<p>… and {len(rows) - MOST_ROWS:,} more rows</p>" if len(rows) > MOST_ROWS else ""
    return TABLE_STYLE + str(shown) + more


def faces(run: Path) -> str:
    """Draws the faces of a run of sessions, turn by turn, with a caption.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    folders = sorted(run.glob("sessions/*/"), key=lambda path: natural_key(path.name))
    sessions = [one for one in map(SessionFolder, folders) if one.turns()]
    if not sessions:
        return "<p>No session has a turn yet.</p>"
    fig, ax = figure(8.2, 1 + 0.95 * min(len(sessions), MOST_SESSIONS))
    faces_by_turn(sessions, ax, MOST_SESSIONS)
    data = base64.b64encode(png(fig)).decode()
    return (
        f"<figure><img src='data:image/png;base64,{data}' alt='{CAPTION}'><figcaption>{CAPTION}</figcaption></figure>"
    )


def session(folder: SessionFolder) -> str:
    """Builds a table with one row per turn: face, client, counselor, and the plan in the turn in which it changes.

    Raises:
        TranscriptError: the transcript is damaged.
    """
    heads = ("turn", "the client's face", "the client: cue and words", "the counselor: caption and words")
    rows, technique = [], ""
    for turn in folder.turns():
        client = f"<i>{html.escape(turn.cue)}</i><br>{escaped(turn.words)}"
        reply = (f"<i>{html.escape(turn.caption)}</i><br>" if turn.caption else "") + escaped(turn.reply)
        if turn.technique != technique:
            steps = "".join(f"<li>{escaped(step)}</li>" for step in turn.plan)
            reply += f"<br><i>the plan: {html.escape(turn.technique)}</i><ol>{steps}</ol>"
        technique = turn.technique
        reply += f"<br><small>recorded: {escaped(turn.recorded_reply)}</small>" if turn.recorded_reply else ""
        rows.append((str(turn.number), _face(folder, turn), client, reply))
    return html_table(heads, rows)


def _face(folder: SessionFolder, turn: Turn) -> str:
    """The face that the client showed, the attempt it comes from, and what the counselor saw in its place."""
    instead = f"{face(folder.folder / turn.seen.file)}<br>seen: {turn.seen.condition}" if turn.seen else ""
    if turn.face is None:
        return instead or "<br>"
    attempt = f"attempt {turn.face.chosen} of {len(turn.face.attempts)}" + ", not accepted" * turn.face.exhausted
    shown = f"{face(folder.folder / turn.face.file)}<br>{attempt if turn.face.is_painted else 'recorded'}"
    return shown + f"<br>{instead}" * bool(instead)


def facts(by_role: Mapping[str, Mapping[str, Any]]) -> str:
    """Builds a table of the facts that each collaborator reports; long and deeply nested ones are folded."""
    rows = "".join(f"<tr><th>{html.escape(role)}</th><td>{_facts(of)}</td></tr>" for role, of in by_role.items())
    return f"{TABLE_STYLE}{FACTS_STYLE}<table class='wide facts'>{rows}</table>"


def _facts(value: Mapping[str, Any]) -> str:
    known = {str(name): part for name, part in value.items() if part not in ("", None)}
    return "".join(f"<div>{html.escape(name.replace('_', ' '))}: {_fact(part)}</div>" for name, part in known.items())


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
