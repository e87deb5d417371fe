"""Grammatical persons: a client's words about themselves, as others say them. For the simple sentences of `worries`."""

import re

_SECOND = {
    "i": "you",
    "i'm": "you're",
    "i am": "you are",
    "i was": "you were",
    "me": "you",
    "my": "your",
    "myself": "yourself",
}
_THIRD = {
    "i": "they",
    "i'm": "they're",
    "i am": "they are",
    "i was": "they were",
    "me": "them",
    "my": "their",
    "myself": "themselves",
}
_FIRST = re.compile(r"\b(i am|i was|i'm|myself|my|me|i)\b", re.IGNORECASE)


def second_person(text: str) -> str:
    """The client's words about themselves as said to the client: `my sister` becomes `your sister`."""
    return _FIRST.sub(lambda found: _SECOND[found[0].lower()], text)


def third_person(text: str) -> str:
    """The client's words about themselves as said about the client: `my sister` becomes `their sister`."""
    return _FIRST.sub(lambda found: _THIRD[found[0].lower()], text)
