"""What of a counselor's answer is said to the client. Knows nothing of models."""

import re

_OWN = r"(?:AI[ \t]+)?(?:(?:psycho)?therapist|counsell?or|assistant)|AI"
_CLIENTS = r"client|user|patient|human"
# Possessive: what follows never begins with what they take, and going back would cost the square of a text's length.
_OPENING = r"[ \t*_#>(\[“\"-]*+"
_CLOSING = r"[ \t*_)\]]*+[:：][ \t*_]*"


def _label(names: str) -> str:
    """A label at the beginning of a line: bold, in brackets, with a stage direction before its colon, or plain."""
    aside = r"(?:[(\[][^()\[\]\n]{1,80}[)\]])?+"
    return rf"^{_OPENING}(?:{names})(?:[ \t*_]*+{aside}{_CLOSING}|(?<=\w)\][ \t]*)"


def _label_within(names: str) -> str:
    """A label behind the end of a sentence in the same line; there it counts with a capital only."""
    capital = rf"(?-i:(?=[A-Z]))(?:{names})"
    return rf"(?<=[.!?…”\"])[ \t]++(?:\*\*|__)?{capital}(?:\*\*|__)?[:：](?:\*\*|__)?(?=\s)"


_OWN_LABEL = re.compile(f"{_label(_OWN)}|{_label_within(_OWN)}", re.IGNORECASE | re.MULTILINE)
_CLIENTS_LABEL = re.compile(f"{_label(_CLIENTS)}|{_label_within(_CLIENTS)}", re.IGNORECASE | re.MULTILINE)
_DIRECTION = re.compile(r"^[ \t*_]*\[[^\[\]\n]*\][ \t*_]*", re.MULTILINE)


def clean_reply(text: str) -> str:
    """What is said to the client, on one line.

    Labels of the counselor (`Therapist:`, `**Counsellor:**`, `[AI]:` …) are left out, wherever a line or, with a
    capital, a sentence begins with one. The first label of the client ends the reply: the model went on in the client's
    place. A `[stage direction]` at the beginning of a line, as the screenplays have it, is not spoken. No sentence of
    the counselor's is lost, a last one that was cut off neither.
    """
    client = _CLIENTS_LABEL.search(text)
    own = _OWN_LABEL.sub(" ", text[: client.start()] if client else text)
    spoken = " ".join(_DIRECTION.sub(" ", own).split())
    return spoken or " ".join(own.split())
