"""One turn as a page to look at: every intermediate in the order in which it came about. All text is escaped."""

import html
from collections.abc import Iterable

from PIL import Image

from mirror.exploration.run import Step
from mirror.files.image_file import data_url
from mirror.transcripts.turn import AttemptRecord, Turn

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
</style>"""


def step_page(step: Step) -> str:
    """The turn in HTML: cue and words, description, what was painted and why it was taken, what the counselor did."""
    turn = step.taken.turn
    cue = f"<i>{_text(turn.cue)}</i><br>" if turn.cue else ""
    rows = [("the client", f"<span class='said'>{cue}{_text(turn.words or '(silent)')}</span>")]
    if turn.ended:
        rows.append(("", "<i>the client ends the session</i>"))
    if turn.face:
        rows += list(_face_rows(step))
        answers = zip(turn.counselor_raw.items(), dict.fromkeys(step.prompts), strict=True)  # asked twice: one prompt
        rows += [(kind.replace("_", " "), _text(raw) + _folded("prompt", prompt)) for (kind, raw), prompt in answers]
        if turn.cut_off:
            kinds = ", ".join(kind.replace("_", " ") for kind in turn.cut_off)
            rows.append(("", f"<i>ran out of tokens: {kinds}</i>"))
        if turn.dropped_utterances or turn.cut_characters:
            missing = [f"the first {turn.dropped_utterances} utterances"] * bool(turn.dropped_utterances)
            missing += [f"the first {turn.cut_characters} characters of the newest one"] * bool(turn.cut_characters)
            rows.append(("", f"<i>not read: {' and '.join(missing)}</i>"))
        if turn.plan:
            steps = "".join(f"<li>{_text(one)}</li>" for one in turn.plan)
            rows.append(("the plan", f"{_text(turn.technique)}<ol>{steps}</ol>"))
        rows.append(("the counselor", f"<span class='said'>{_text(turn.reply)}</span>"))
    told = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in step.seconds.items())
    rows.append(("time", told))
    return f"{STYLE}<div class='step'>{''.join(f'<b>{label}</b><div>{content}</div>' for label, content in rows)}</div>"


def _face_rows(step: Step) -> Iterable[tuple[str, str]]:
    turn, asked = step.taken.turn, step.asked
    told = f"{_text(turn.description['expression'])}<br><i>not: {_text(turn.description['contrast'])}</i>"
    yield "the description", f"{_read(turn)}<br>{told}"
    yield "painted with", _folded("prompt", asked["positive"]) + _folded("negative prompt", asked["negative"])
    pictures = _figure(step.portrait, "the portrait")
    for attempt in turn.face.attempts:
        chosen = attempt.number == turn.face.chosen
        pictures += _figure(step.taken.images[attempt.file], _verdict(attempt), chosen)
    shown = "none was accepted; the best is shown" if turn.face.exhausted else f"attempt {turn.face.chosen} is shown"
    limits = ", ".join(f"{name.replace('_', ' ')} {limit:.2f}" for name, limit in turn.face.limits.items())
    limits = f"; limits: {limits}" if limits else ""
    question = f"the relevance filter was asked for “{_text(asked['statement'])}”"
    yield "the faces", f"{pictures}<br>{question}; {shown}{limits}"


def _read(turn: Turn) -> str:
    """What the describer read of the cue, in a sentence."""
    read, model = turn.description["relevance_text"], turn.description["model"]
    cue = f"the cue “{_text(turn.cue)}”" if turn.cue else "the words alone, without a cue"
    if not turn.description["fallback"]:
        return f"{_text(model)} read {cue}" + f" as “{_text(read)}”" * bool(read)
    if read:
        return f"<b>{_text(model)} could read nothing of {cue}: the face is neutral</b>"
    return f"<b>no description could be read of what {_text(model)} answered: painted from {cue}</b>"


def _verdict(attempt: AttemptRecord) -> str:
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
