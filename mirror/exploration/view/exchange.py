"""One exchange of the chat as HTML: the face beside the words, the replies, and how they came about, folded.

All text is escaped. Who counsels is in none of it while the comparison is blind.
"""

from collections.abc import Mapping

from mirror.exploration.run import Exchange, Step
from mirror.exploration.view.step import Row, counselor_rows, escaped, face_rows, risks, table, times
from mirror.files.image_file import data_url
from mirror.transcripts.flags import LEXICON, RiskPolicy

FACE = 104  # pixels
SILENT = "<em class='silent'>says nothing</em>"


def exchange_page(
    exchange: Exchange, name: str, shown: Mapping[str, int], blind: bool = False, policy: RiskPolicy = LEXICON
) -> str:
    """The exchange as HTML.

    Args:
        exchange: what was said, with one or two counselors.
        name: of the client.
        shown: the counselors, by what they are called, in the order in which they are shown.
        blind: whether nothing may tell who counsels.
        policy: who reads the words for risk.
    """
    first = exchange.steps[0]
    turn = first.taken.turn
    replies = "".join(
        _reply(exchange.steps[side], policy, escaped(who))
        for who, side in shown.items()
        if exchange.steps[side].taken.reply
    )
    pair = " pair" * (len(shown) > 1)
    again = f"<p class='seed'>tried again with another seed ({exchange.tries})</p>" if exchange.tries else ""
    return (
        f"<article class='turn' aria-label='Turn {turn.number}'>{_client(first, name, policy)}"
        f"<div class='replies{pair}'>{replies}</div>{again}{_folded(exchange, shown, blind)}</article>"
    )


def _client(step: Step, name: str, policy: RiskPolicy) -> str:
    turn, face = step.taken.turn, step.taken.face
    picture = ""
    if face:
        shows = escaped(face.request.expression.replace("'", "’"))
        picture = f"<img class='face' width='{FACE}' height='{FACE}' src='{data_url(face.image, 2 * FACE)}' "
        picture += f'alt="{escaped(name)}, {shows}">'
    cue = f"<p class='cue'>{escaped(turn.cue)}</p>" if turn.cue else ""
    ended = "<p class='ended'>The client ends the session.</p>" if turn.ended else ""
    flags = "".join(risks(turn, policy, "client"))
    words = f"<p class='words'>{escaped(turn.words) or SILENT}</p>"
    return (
        f"<div class='client'>{picture}<div class='bubble'><p class='who'>{escaped(name)}</p>{cue}{words}{ended}{flags}"
        "</div></div>"
    )


def _reply(step: Step, policy: RiskPolicy, who: str) -> str:
    turn = step.taken.turn
    flags = "".join(risks(turn, policy, "counselor"))
    return (
        f"<div class='counselor bubble'><p class='who'>{who}</p><p class='words'>{escaped(turn.reply)}</p>{flags}</div>"
    )


def _folded(exchange: Exchange, shown: Mapping[str, int], blind: bool) -> str:
    """How it came about; of the counselors only what may be seen."""
    first = exchange.steps[0]
    rows = face_rows(first)
    if blind:
        rows.append(("the counselors", "<i>what they were asked, saw and answered is shown after your vote</i>"))
    else:
        for who, side in shown.items():
            heading: list[Row] = [("", f"<b>{escaped(who)}</b>")] if len(shown) > 1 else []
            rows += heading + counselor_rows(exchange.steps[side])
            rows.append(("time", times(exchange.steps[side])))
        rows.append(("seed", str(exchange.seed)))
    return f"<details class='how'><summary>{_summary(first)}</summary>{table(rows)}</details>"


def _summary(step: Step) -> str:
    """The title of what is folded: what the face shows, and how many attempts it took."""
    face = step.taken.face
    if face is None:
        return "How it came about"
    count = len(face.attempts)
    tried = f"none of {count} attempts accepted" if face.exhausted else f"attempt {face.chosen.number} of {count}"
    return f"How it came about: {escaped(face.request.relevance_text)}, {tried}"
