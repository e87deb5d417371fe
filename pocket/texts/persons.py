"""Grammar of the generated texts: grammatical person, for the simple clauses of `worries`, and capitals."""

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
    """Turns the first person into the second: `my sister` becomes `your sister`."""
    return _FIRST.sub(lambda found: _SECOND[found[0].lower()], text)


def third_person(text: str) -> str:
    """Turns the first person into the third: `my sister` becomes `their sister`."""
    return _FIRST.sub(lambda found: _THIRD[found[0].lower()], text)


def capitalize(text: str) -> str:
    """Capitalizes the first letter and leaves the others as they are."""
    return text[:1].upper() + text[1:]
