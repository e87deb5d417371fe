"""The 12 CBT techniques and the spellings of their names in texts."""

import re

TECHNIQUES = (
    "Efficiency Evaluation",
    "Pie Chart",
    "Alternative Perspective",
    "Decatastrophizing",
    "Pros and Cons Analysis",
    "Evidence-Based Questioning",
    "Reality Testing",
    "Continuum",
    "Changing Rules to Wishes",
    "Behavior Experiment",
    "Problem-Solving Skills Training",
    "Systematic Exposure",
)
GAP = r"[\s\-‐‑‒–—]+"  # whitespace or any hyphen or dash
_SPELLINGS = {
    "and": "(?:and|&)",
    "Decatastrophizing": "Decatastrophi[sz]ing",
    "Behavior": "Behaviou?r(?:al)?",
    "Experiment": "Experiments?",
}
_NAMES = "|".join(
    f"({GAP.join(_SPELLINGS.get(word, word) for word in re.split('[ -]', technique))})" for technique in TECHNIQUES
)
_INITIALS = "".join(sorted({technique[0] for technique in TECHNIQUES}))  # a cheap lookahead that halves the time
_NAME = rf"\b(?=[{_INITIALS}])(?:{_NAMES})"
# After a name within a sentence, lower-case `technique` is an ordinary word; capitalized, it belongs to the name.
TECHNIQUE_NAME = re.compile(rf"{_NAME}(?:{GAP}(?-i:Techniques?|TECHNIQUES?))?\b", re.IGNORECASE)
_ALONE = re.compile(rf"{_NAME}(?:{GAP}techniques?)?\b", re.IGNORECASE)
_LONGEST = 60  # characters of a name with its marks
_MARKS = " \t\r\n*_#.,;:!\"'“”„‘’‚«»()[]`"
NOT_FOUND = "not found"  # written by the published extraction for a field that it could not read


def canonical_technique(name: str) -> str | None:
    """Return the standard name of a technique; None if `name` is none of the 12.

    Ignores case, hyphens and dashes, `&`, British spelling, quotation and bold marks, and `Technique` at the end.
    """
    bare = name.strip(_MARKS)
    found = _ALONE.fullmatch(bare) if len(bare) <= _LONGEST else None
    return TECHNIQUES[found.lastindex - 1] if found and found.lastindex else None


def named_technique(text: str) -> str | None:
    """Return the first technique in a text as spelled there, with whitespace normalized; None if there is none."""
    found = _ALONE.search(text)
    return " ".join(found[0].split()) if found else None


def technique_span(value: str) -> tuple[int, int] | None:
    """Return (start, end) of the name in a value that is a technique with punctuation; None for other values."""
    if canonical_technique(value) is None:
        return None
    found = _ALONE.search(value)
    return found.span() if found else None


def is_known(value: str) -> bool:
    """Return whether a field has a value, neither blank nor `Not found`."""
    return value.strip(_MARKS).casefold() not in ("", NOT_FOUND)
