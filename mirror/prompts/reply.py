"""Extraction of the words spoken to the client from a counselor's answer."""

import re

_OWN = r"(?:AI[ \t]+)?(?:(?:psycho)?therapist|counsell?or|assistant)|AI"
_CLIENTS = r"client|user|patient|human"
# Possessive quantifiers: backtracking could never succeed, and would take time quadratic in the length of the text.
_OPENING = r"[ \t*_#>(\[“\"-]*+"
_CLOSING = r"[ \t*_)\]]*+[:：][ \t*_]*"


def _label(names: str) -> str:
    """Match a label at the beginning of a line: plain, bold, bracketed, or with a stage direction before its colon."""
    aside = r"(?:[(\[][^()\[\]\n]{1,80}[)\]])?+"
    return rf"^{_OPENING}(?:{names})(?:[ \t*_]*+{aside}{_CLOSING}|(?<=\w)\][ \t]*)"


def _label_within(names: str) -> str:
    """Match a label after the end of a sentence within a line; there it must be capitalized."""
    capital = rf"(?-i:(?=[A-Z]))(?:{names})"
    return rf"(?<=[.!?…”\"])[ \t]++(?:\*\*|__)?{capital}(?:\*\*|__)?[:：](?:\*\*|__)?(?=\s)"


_OWN_LABEL = re.compile(f"{_label(_OWN)}|{_label_within(_OWN)}", re.IGNORECASE | re.MULTILINE)
_CLIENTS_LABEL = re.compile(f"{_label(_CLIENTS)}|{_label_within(_CLIENTS)}", re.IGNORECASE | re.MULTILINE)
_DIRECTION = re.compile(r"^[ \t*_]*\[[^\[\]\n]*\][ \t*_]*", re.MULTILINE)


def clean_reply(text: str) -> str:
    """Return the words spoken to the client, on one line.

    Labels of the counselor (`Therapist:`, `**Counsellor:**`, `[AI]:` …) are removed at the beginning of a line or, if
    capitalized, of a sentence. The first label of the client ends the reply, since the model continues in the client's
    place from there. A `[stage direction]` at the beginning of a line, as in the screenplays of the data, is removed.
    All sentences of the counselor are kept, including an incomplete last one.
    """
    client = _CLIENTS_LABEL.search(text)
    own = _OWN_LABEL.sub(" ", text[: client.start()] if client else text)
    spoken = " ".join(_DIRECTION.sub(" ", own).split())
    return spoken or " ".join(own.split())
