"""One turn with its intermediate results in order, as HTML. All text is escaped."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from mirror.counseling.reply import Reply
from mirror.exploration.run import Step
from mirror.faces.rejection_sampling import Attempt, ShownFace
from mirror.faces.view import Seen
from mirror.files.image_file import data_url
from mirror.html_page import NOTICE
from mirror.transcripts.flags import LEXICON, RiskPolicy, read_flags
from mirror.transcripts.turn import Turn

Row = tuple[str, str]  # a label, and HTML

FACE = 112  # pixels
STYLE = f"<style>{Path(__file__).with_name('page.css').read_text(encoding='utf-8')}</style>"


def step_page(step: Step, policy: RiskPolicy = LEXICON) -> str:
    """The turn as HTML: cue and words, description, faces with their verdicts, and what the counselor did.

    Args:
        step: the turn.
        policy: who reads the words for risk.
    """
    turn = step.taken.turn
    cue = f"<i>{escaped(turn.cue)}</i><br>" if turn.cue else ""
    rows = [("the client", f"<span class='said'>{cue}{escaped(turn.words or '(silent)')}</span>")]
    if turn.ended:
        rows.append(("", "<i>the client ends the session</i>"))
    rows += face_rows(step) + counselor_rows(step)
    rows += [("sign of risk", risk) for risk in risks(turn, policy)]
    rows.append(("time", times(step)))
    care = f"<p class='care' role='note'><small>{escaped(NOTICE)}</small></p>"
    return f"{STYLE}<div class='mirror-chat'>{table(rows)}{care}</div>"


def table(rows: Sequence[Row]) -> str:
    """Rows as HTML."""
    return f"<div class='step'>{''.join(f'<b>{label}</b><div>{content}</div>' for label, content in rows)}</div>"


def risks(turn: Turn, policy: RiskPolicy, speaker: str = "") -> list[str]:
    """The signs of risk in a turn, each as HTML; only those of one speaker, if one is named."""
    return [
        f"<span class='risk' role='note'>⚑ {escaped(flag.label)}: “{escaped(flag.words)}”</span>"
        for flag in read_flags([turn], policy)
        if speaker in ("", flag.speaker)
    ]


def times(step: Step) -> str:
    """The seconds of each stage."""
    return ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in step.seconds.items())


def escaped(text: str) -> str:
    """The text as HTML, with its line breaks."""
    return html.escape(text).replace("\n", "<br>")


def face_rows(step: Step) -> list[Row]:
    """What the describer read, what the painter was told, and the faces with their verdicts; empty without a face."""
    return _face_rows(step, step.taken.face) if step.taken.face else []


def counselor_rows(step: Step) -> list[Row]:
    """What the counselor saw, was asked and answered; empty without a reply."""
    return _seen_rows(step.taken.seen) + (_counselor_rows(step.taken.reply) if step.taken.reply else [])


def _face_rows(step: Step, face: ShownFace) -> list[Row]:
    request, turn = face.request, step.taken.turn
    features = f"{escaped(request.expression)}<br><i>not: {escaped(request.contrast)}</i>"
    description = ("the description", f"{_read(turn.cue, turn.description or {})}<br>{features}")
    prompts = _folded("prompt", request.prompt) + _folded("negative prompt", request.negative_prompt)
    pictures = _figure(step.portrait, "the portrait")
    for attempt in face.attempts:
        pictures += _figure(attempt.image, _verdict(attempt), attempt is face.chosen)
    shown = "none was accepted; the best is shown" if face.exhausted else f"attempt {face.chosen.number} is shown"
    thresholds = {check.name: check.threshold for attempt in face.attempts for check in attempt.verdict.checks}
    limits = ", ".join(f"{name.replace('_', ' ')} {limit:.2f}" for name, limit in thresholds.items())
    limits = f"; limits: {limits}" if limits else ""
    question = f"the relevance filter was asked for “{escaped(request.statement)}”"
    rows = [description, ("painted with", prompts), ("the faces", f"{pictures}<br>{question}; {shown}{limits}")]
    return rows


def _seen_rows(seen: Seen | None) -> list[Row]:
    """What the counselor saw, unless it was the face."""
    if seen is None or seen.condition is None:
        return []
    note = f"“{escaped(seen.words)}”" if seen.words else escaped(seen.source)
    return [("the counselor saw", _figure(seen.image, f"<b>{seen.condition}</b><br>{note}"))]


def _read(cue: str, description: Mapping[str, Any]) -> str:
    """A sentence on what the describer read of the cue."""
    read, model = description["relevance_text"], description["model"]
    source = f"the cue “{escaped(cue)}”" if cue else "the words alone, without a cue"
    if not description["fallback"]:
        return f"{escaped(model)} read {source}" + f" as “{escaped(read)}”" * bool(read)
    if read:
        return f"<b>{escaped(model)} could read nothing of {source}: the face is neutral</b>"
    return f"<b>no description could be read of what {escaped(model)} answered: painted from {source}</b>"


def _counselor_rows(reply: Reply) -> list[Row]:
    rows = [
        (kind.replace("_", " "), escaped(reply.raw[kind]) + _folded("prompt", prompt))
        for kind, prompt in reply.prompts.items()
    ]
    if reply.cut_off:
        kinds = ", ".join(kind.replace("_", " ") for kind in reply.cut_off)
        rows.append(("", f"<i>ran out of tokens: {kinds}</i>"))
    missing = [f"the first {reply.dropped_utterances} utterances"] * bool(reply.dropped_utterances)
    missing += [f"the first {reply.cut_characters} characters of the newest one"] * bool(reply.cut_characters)
    if missing:
        rows.append(("", f"<i>not read: {' and '.join(missing)}</i>"))
    if reply.plan:
        steps = "".join(f"<li>{escaped(one)}</li>" for one in reply.plan)
        rows.append(("the plan", f"{escaped(reply.technique)}<ol>{steps}</ol>"))
    rows.append(("the counselor", f"<span class='said'>{escaped(reply.words)}</span>"))
    return rows


def _verdict(attempt: Attempt) -> str:
    scores = "".join(
        f"<br>{check.name.replace('_', ' ')}: {check.score:.2f} {'✓' if check.passed else '✗'}"
        for check in attempt.verdict.checks
    )
    return f"<b>{attempt.number}: {escaped(attempt.verdict.outcome.replace('_', ' '))}</b>{scores}"


def _figure(image: Image.Image, caption: str, chosen: bool = False) -> str:
    kind = " class='chosen'" if chosen else ""
    return f"<figure{kind}><img width={FACE} src='{data_url(image, 2 * FACE)}' alt='face'>{caption}</figure>"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre tabindex='0'>{escaped(text)}</pre></details>"
