"""An utterance as text: `Client: [visible cue] spoken words`, and the same of a therapist."""

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from mirror.prompts.dialogue import SPEAKERS

_END = re.compile(r"\[\s*(?:/\s*)?END\s*\]|\[\s*/\s*END\s*\Z", re.IGNORECASE)
_END_WORD = re.compile(r"(?:/\s*)?END", re.IGNORECASE)
_MARKED_BRACKET = re.compile(r"(\*{1,3}|_{1,3})(\[[^\[\]]*\])\1")
_QUOTES = re.compile(r"\"([^\"]*)\"|“([^“”]*)”|«([^«»]*)»|['‘]((?:[^'‘’]|(?<=\w)['’](?=\w))*)['’]")
# The end of a cue whose bracket is not closed: a line break, the end of a sentence, or a quotation.
_CUE_END = re.compile(r"\n|(?<=[.!?…])\s|(?=[\"“«])")
_LEADING_CUE = re.compile(r"\(((?:[^()]|\([^()]*\))+)\)\s*|\*{1,3}(?![\s*])([^*]+)\*{1,3}\s*")
_STOP = (".", "!", "?", "…", ",", ";", ":")


class _Labels(NamedTuple):
    at_start: re.Pattern[str]
    of_line: re.Pattern[str]


@dataclass(frozen=True)
class Utterance:
    """One utterance, most often the client's.

    Attributes:
        cue: the visible cue, without brackets; may be empty.
        words: the spoken words, on one line; empty if the client is silent.
        ended: whether the speaker ends the session with this utterance.
    """

    cue: str
    words: str
    ended: bool = False


def parse_utterance(text: str, speaker: str = "client") -> Utterance:
    """Parse an utterance. Drops no words, and accepts any text.

    Accepts common variations: the label `Client:` missing, repeated, bold or in any case; several brackets (cues are
    joined, the words between them kept), nested brackets (flattened) or an unclosed one (the cue ends at a line break,
    the end of a sentence or a quotation); quotes around the words; line breaks (replaced by spaces). `[/END]` or
    `[END]` anywhere ends the session. Without a bracketed cue, a leading `(sighs)` or `*sighs*` is the cue.

    Args:
        text: what was said, with or without a label.
        speaker: whose labels are removed: a key of `SPEAKERS`.

    For any text, `u = parse_utterance(text)` satisfies `parse_utterance(format_utterance(u)) == u`.
    """
    labels = _labels(speaker)
    text, marks = _END.subn(" ", text)
    text = _MARKED_BRACKET.sub(r"\2", labels.of_line.sub("", text))
    cues: list[str] = []
    words: list[str] = []
    ended = marks > 0
    for is_cue, part in _parts(text):
        part = _bare(part, labels)
        if is_cue and _END_WORD.fullmatch(part):
            ended = True
        elif part:
            (cues if is_cue else words).append(part)
    cue, spoken = _bare(_joined(cues), labels), _bare(" ".join(words), labels)
    if not cue:
        cue, spoken = _leading_cues(spoken, labels)
    return Utterance(cue, spoken, ended)


def format_utterance(utterance: Utterance) -> str:
    """Format an utterance as the client's prompt requires; `parse_utterance` restores it."""
    parts = ["Client:", f"[{utterance.cue}]" if utterance.cue else "", utterance.words]
    return " ".join(filter(None, [*parts, "[/END]" if utterance.ended else ""]))


@cache
def _labels(speaker: str) -> _Labels:
    """The labels before a speaker's words, in any case, bold or not."""
    name = f"(?:{SPEAKERS[speaker]})"
    label = (
        rf"(?:(?P<around>\*{{1,3}}|_{{1,3}})\s*{name}\s*(?P=around)\s*:"
        rf"|(?P<over>\*{{1,3}}|_{{1,3}})\s*{name}\s*:\s*(?P=over)"
        rf"|(?:\*{{1,3}}|_{{1,3}})?{name}\s*:)\s*"
    )
    of_line = re.compile(rf"^[ \t]*{label}", re.IGNORECASE | re.MULTILINE)
    return _Labels(re.compile(label, re.IGNORECASE), of_line)


def _parts(text: str) -> list[tuple[bool, str]]:
    """Split `text` into (is in brackets, part) pairs, in order and without brackets."""
    closing = _closing_brackets(text)
    parts, done, place = [], 0, 0
    while (place := text.find("[", place)) >= 0:
        parts.append((False, text[done:place]))
        end = closing.get(place)
        if end is None:
            following = text.find("[", place + 1)
            limit = following if following >= 0 else len(text)
            stop = _CUE_END.search(text, place + 1, limit)
            end = done = stop.end() if stop else limit
        else:
            done = end + 1
        parts.append((True, text[place + 1 : end]))
        place = done
    parts.append((False, text[done:]))
    return [(is_cue, part.replace("[", " ").replace("]", " ")) for is_cue, part in parts]


def _closing_brackets(text: str) -> dict[int, int]:
    """Return the positions of matching brackets: opening → closing."""
    opened, closing = [], {}
    for match in re.finditer(r"[\[\]]", text):
        if match[0] == "[":
            opened.append(match.start())
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _bare(text: str, labels: _Labels) -> str:
    """Return `text` on one line, without surrounding labels and quotation marks at any nesting."""
    text = " ".join(text.split())
    while True:
        label, quoted = labels.at_start.match(text), _QUOTES.fullmatch(text)
        if label:
            text = text[label.end() :]
        elif quoted:
            text = next(group for group in quoted.groups() if group is not None).strip()
        else:
            return text


def _joined(cues: list[str]) -> str:
    text = ""
    for cue in cues:
        text += (" " if text.endswith(_STOP) else ", ") + cue if text else cue
    return text


def _leading_cues(words: str, labels: _Labels) -> tuple[str, str]:
    """Split leading cues in parentheses or asterisks from the words."""
    cues, place = [], 0
    while match := _LEADING_CUE.match(words, place):
        cue = _bare(match[1] or match[2], labels)
        if not cue or _END_WORD.fullmatch(cue):
            break
        cues.append(cue)
        place = match.end()
    return _bare(_joined(cues), labels), _bare(words[place:], labels)
