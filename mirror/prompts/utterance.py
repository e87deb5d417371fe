"""A client's utterance as text, `Client: [visible cue] spoken words`. Knows nothing of dialogues or faces."""

import re
from dataclasses import dataclass

_END = re.compile(r"\[\s*(?:/\s*)?END\s*\]|\[\s*/\s*END\s*\Z", re.IGNORECASE)
_END_WORD = re.compile(r"(?:/\s*)?END", re.IGNORECASE)
_MARKED_BRACKET = re.compile(r"(\*{1,3}|_{1,3})(\[[^\[\]]*\])\1")
_LABEL = (
    r"(?:(?P<around>\*{1,3}|_{1,3})\s*client\s*(?P=around)\s*:"
    r"|(?P<over>\*{1,3}|_{1,3})\s*client\s*:\s*(?P=over)"
    r"|(?:\*{1,3}|_{1,3})?client\s*:)\s*"
)
_LABEL_AT_START = re.compile(_LABEL, re.IGNORECASE)
_LABEL_OF_LINE = re.compile(rf"^[ \t]*{_LABEL}", re.IGNORECASE | re.MULTILINE)
_QUOTES = re.compile(r"\"([^\"]*)\"|“([^“”]*)”|«([^«»]*)»|['‘]((?:[^'‘’]|(?<=\w)['’](?=\w))*)['’]")
# Where a cue ends whose bracket was never closed: at the line, at a sentence, at a quotation.
_CUE_END = re.compile(r"\n|(?<=[.!?…])\s|(?=[\"“«])")
_LEADING_CUE = re.compile(r"\(((?:[^()]|\([^()]*\))+)\)\s*|\*{1,3}(?![\s*])([^*]+)\*{1,3}\s*")
_STOP = (".", "!", "?", "…", ",", ";", ":")


@dataclass(frozen=True)
class Utterance:
    """One utterance of the client.

    Attributes:
        cue: what can be seen, without its brackets; empty if none was given.
        words: what is said, on one line; empty where the client is silent.
        ended: whether the client ends the session with it.
    """

    cue: str
    words: str
    ended: bool = False


def parse_utterance(text: str) -> Utterance:
    """The cue, the words and the end that an utterance holds. Never raises, and loses no word.

    Tolerates what models write: the label `Client:` missing, repeated, bold or in another case; several brackets (the
    cues are joined, the words between them kept), nested ones (flattened), one never closed (its cue runs to the end of
    the line or of the sentence, or to a quotation); quotes round the words; line breaks (they become blanks). `[/END]`
    or `[END]` anywhere ends the session. Where no bracket gives a cue, a leading `(sighs)` or `*sighs*` does.

    For every text, `parse_utterance(format_utterance(u)) == u` of the utterance `u` that it gives.
    """
    text, marks = _END.subn(" ", text)
    text = _MARKED_BRACKET.sub(r"\2", _LABEL_OF_LINE.sub("", text))
    cues, words, ended = [], [], marks > 0
    for is_cue, part in _parts(text):
        part = _bare(part)
        if is_cue and _END_WORD.fullmatch(part):
            ended = True
        elif part:
            (cues if is_cue else words).append(part)
    cue, spoken = _bare(_joined(cues)), _bare(" ".join(words))
    if not cue:
        cue, spoken = _leading_cues(spoken)
    return Utterance(cue, spoken, ended)


def format_utterance(utterance: Utterance) -> str:
    """The utterance as a client is asked to write it; `parse_utterance` reads it back."""
    parts = ["Client:", f"[{utterance.cue}]" if utterance.cue else "", utterance.words]
    return " ".join(filter(None, [*parts, "[/END]" if utterance.ended else ""]))


def _parts(text: str) -> list[tuple[bool, str]]:
    """The stretches of `text` in order, each with whether it stood in brackets; all brackets are gone."""
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
    """Where each bracket that is closed opens, and where it closes."""
    opened, closing = [], {}
    for match in re.finditer(r"[\[\]]", text):
        if match[0] == "[":
            opened.append(match.start())
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _bare(text: str) -> str:
    """`text` on one line, without labels and quotation marks round it, however they are nested."""
    text = " ".join(text.split())
    while True:
        label, quoted = _LABEL_AT_START.match(text), _QUOTES.fullmatch(text)
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


def _leading_cues(words: str) -> tuple[str, str]:
    """The cues in parentheses or asterisks that `words` begin with, and the rest of the words."""
    cues, place = [], 0
    while match := _LEADING_CUE.match(words, place):
        cue = _bare(match[1] or match[2])
        if not cue or _END_WORD.fullmatch(cue):
            break
        cues.append(cue)
        place = match.end()
    return _bare(_joined(cues)), _bare(words[place:])
