"""One turn as an HTML page, with its intermediate results in order. All text is escaped."""

import html
from collections.abc import Mapping
from typing import Any

from PIL import Image

from mirror.counseling.reply import Reply
from mirror.exploration.run import Step
from mirror.faces.rejection_sampling import Attempt, ShownFace
from mirror.faces.view import Seen
from mirror.files.image_file import data_url
from mirror.html_page import NOTICE
from mirror.transcripts.flags import LEXICON, RiskPolicy, read_flags

FACE = 112  # pixels
STYLE = """<style>
.step {display: grid; grid-template-columns: 8.5em minmax(0, 46em); gap: .9em 1.2em; line-height: 1.45}
.step > b {text-align: right; opacity: .65; font-weight: 600}
.step figure {display: inline-block; margin: 0 .9em .6em 0; vertical-align: top; width: 132px; font-size: 85%}
.step img {border-radius: 6px; display: block; margin-bottom: .3em}
.step figure.chosen img {outline: 3px solid #0072B2; outline-offset: 2px}
.step pre {white-space: pre-wrap; font-size: 85%; margin: .3em 0 .6em; padding: .6em}
.step .said {font-size: 110%}
.step i, .step summary {opacity: .75}
.step .risk {border: 1px solid #b0442c; border-radius: 6px; padding: 0 .5em}
</style>"""


def step_page(step: Step, policy: RiskPolicy = LEXICON) -> str:
    """The turn as HTML: cue and words, description, faces with their verdicts, and what the counselor did.

    Args:
        step: the turn.
        policy: who reads the words for risk.
    """
    turn = step.taken.turn
    cue = f"<i>{_text(turn.cue)}</i><br>" if turn.cue else ""
    rows = [("the client", f"<span class='said'>{cue}{_text(turn.words or '(silent)')}</span>")]
    if turn.ended:
        rows.append(("", "<i>the client ends the session</i>"))
    if step.taken.face:
        rows += _face_rows(step, step.taken.face)
    if step.taken.reply:
        rows += _counselor_rows(step.taken.reply)
    rows += [
        ("sign of risk", f"<span class='risk' role='note'>⚑ {_text(flag.label)}: “{_text(flag.words)}”</span>")
        for flag in read_flags([turn], policy)
    ]
    rows.append(("time", ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in step.seconds.items())))
    shown = "".join(f"<b>{label}</b><div>{content}</div>" for label, content in rows)
    return f"{STYLE}<div class='step'>{shown}</div><p class='care' role='note'><small>{_text(NOTICE)}</small></p>"


def _face_rows(step: Step, face: ShownFace) -> list[tuple[str, str]]:
    request, turn = face.request, step.taken.turn
    features = f"{_text(request.expression)}<br><i>not: {_text(request.contrast)}</i>"
    description = ("the description", f"{_read(turn.cue, turn.description or {})}<br>{features}")
    prompts = _folded("prompt", request.prompt) + _folded("negative prompt", request.negative_prompt)
    pictures = _figure(step.portrait, "the portrait")
    for attempt in face.attempts:
        pictures += _figure(attempt.image, _verdict(attempt), attempt is face.chosen)
    shown = "none was accepted; the best is shown" if face.exhausted else f"attempt {face.chosen.number} is shown"
    thresholds = {check.name: check.threshold for attempt in face.attempts for check in attempt.verdict.checks}
    limits = ", ".join(f"{name.replace('_', ' ')} {limit:.2f}" for name, limit in thresholds.items())
    limits = f"; limits: {limits}" if limits else ""
    question = f"the relevance filter was asked for “{_text(request.statement)}”"
    rows = [description, ("painted with", prompts), ("the faces", f"{pictures}<br>{question}; {shown}{limits}")]
    return rows + _seen_rows(step.taken.seen)


def _seen_rows(seen: Seen | None) -> list[tuple[str, str]]:
    """What the counselor saw, unless it was the face."""
    if seen is None or seen.condition is None:
        return []
    note = f"“{_text(seen.words)}”" if seen.words else _text(seen.source)
    return [("the counselor saw", _figure(seen.image, f"<b>{seen.condition}</b><br>{note}"))]


def _read(cue: str, description: Mapping[str, Any]) -> str:
    """A sentence on what the describer read of the cue."""
    read, model = description["relevance_text"], description["model"]
    source = f"the cue “{_text(cue)}”" if cue else "the words alone, without a cue"
    if not description["fallback"]:
        return f"{_text(model)} read {source}" + f" as “{_text(read)}”" * bool(read)
    if read:
        return f"<b>{_text(model)} could read nothing of {source}: the face is neutral</b>"
    return f"<b>no description could be read of what {_text(model)} answered: painted from {source}</b>"


def _counselor_rows(reply: Reply) -> list[tuple[str, str]]:
    rows = [
        (kind.replace("_", " "), _text(reply.raw[kind]) + _folded("prompt", prompt))
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
        steps = "".join(f"<li>{_text(one)}</li>" for one in reply.plan)
        rows.append(("the plan", f"{_text(reply.technique)}<ol>{steps}</ol>"))
    rows.append(("the counselor", f"<span class='said'>{_text(reply.words)}</span>"))
    return rows


def _verdict(attempt: Attempt) -> str:
    scores = "".join(
        f"<br>{check.name.replace('_', ' ')}: {check.score:.2f} {'✓' if check.passed else '✗'}"
        for check in attempt.verdict.checks
    )
    return f"<b>{attempt.number}: {_text(attempt.verdict.outcome.replace('_', ' '))}</b>{scores}"


def _figure(image: Image.Image, caption: str, chosen: bool = False) -> str:
    kind = " class='chosen'" if chosen else ""
    return f"<figure{kind}><img width={FACE} src='{data_url(image, 2 * FACE)}' alt='face'>{caption}</figure>"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{_text(text)}</pre></details>"


def _text(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
