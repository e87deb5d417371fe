"""The 12 CBT techniques and the spellings in which texts name them. Knows nothing of plans or prompts."""

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
GAP = r"[\s\-‐‑‒–—]+"  # a blank or any hyphen or dash
_SPELLINGS = {
    "and": "(?:and|&)",
    "Decatastrophizing": "Decatastrophi[sz]ing",
    "Behavior": "Behaviou?r(?:al)?",
    "Experiment": "Experiments?",
}
_NAMES = "|".join(
    f"({GAP.join(_SPELLINGS.get(word, word) for word in re.split('[ -]', technique))})" for technique in TECHNIQUES
)
_INITIALS = "".join(sorted({technique[0] for technique in TECHNIQUES}))  # a cheap first look, twice as fast
_NAME = rf"\b(?=[{_INITIALS}])(?:{_NAMES})"
# In a sentence a small `technique` behind a name is a word of the sentence; a capital one belongs to the name.
TECHNIQUE_NAME = re.compile(rf"{_NAME}(?:{GAP}(?-i:Techniques?|TECHNIQUES?))?\b", re.IGNORECASE)
_ALONE = re.compile(rf"{_NAME}(?:{GAP}techniques?)?\b", re.IGNORECASE)
_LONGEST = 60  # characters of a name with its marks
_MARKS = " \t\r\n*_#.,;:!\"'“”„‘’‚«»()[]`"
NOT_FOUND = "not found"  # the published extraction's word for a field that it could not read


def canonical_technique(name: str) -> str | None:
    """The one of the 12 that a name stands for, however it is written; None where it is none of them.

    Case, hyphens and dashes, `&`, British spelling, quotation and bold marks, and a `Technique` at the end make no
    difference.
    """
    bare = name.strip(_MARKS)
    found = _ALONE.fullmatch(bare) if len(bare) <= _LONGEST else None
    return TECHNIQUES[found.lastindex - 1] if found else None


def named_technique(text: str) -> str | None:
    """The first technique that a text names, as it is written there but for line breaks and doubled blanks."""
    found = _ALONE.search(text)
    return " ".join(found[0].split()) if found else None


def technique_span(value: str) -> tuple[int, int] | None:
    """Where the name stands in a value that is one technique's name and marks round it; None where it is not."""
    if canonical_technique(value) is None:
        return None
    found = _ALONE.search(value)
    return found.span() if found else None


def is_known(value: str) -> bool:
    """Whether a field says something: it is neither blank nor `Not found`."""
    return value.strip(_MARKS).casefold() not in ("", NOT_FOUND)
