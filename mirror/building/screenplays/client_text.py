"""Reads a client's age and gender, and the parts of an intake form, from text. Guesses nothing from names."""

import re

_FEMALE, _MALE = ("woman", "female", "girl", "lady"), ("man", "male", "boy", "gentleman", "guy")
_ROLES = {"woman": ("mother", "wife", "widow", "daughter"), "man": ("father", "husband", "widower", "son")}
_GENDERS = {word: "woman" for word in (*_FEMALE, "f", "w")} | {word: "man" for word in (*_MALE, "m")}
_NOUN = "|".join((*_FEMALE, *_MALE))
_PART = "|".join((_NOUN, *_ROLES["woman"], *_ROLES["man"]))
_KIN = r"(?:son|daughter|child|kid|baby|brother|sister|dog|cat|niece|nephew|twins?|grand\w+|step\w+)s?\b"

_CELL_AGE = re.compile(r"(\d{1,3})(?:\.0+)?(?:\s*(?:years?(?:\s+old)?|yrs?|y/?o))?", re.IGNORECASE)
_LABELLED_AGE = re.compile(r"\bage[ \t*_]*[:：=-][\s*_]*(\d{1,3})\b(?![.,/-]?\d)", re.IGNORECASE)
_YEARS_OLD = re.compile(
    rf"(?<!\d)(?<!\bmy )(?<!\b(?:her|his) )(?<!\btheir )(?<!'s )(?<!’s )"
    rf"(\d{{1,3}})[ \t-]*(?:years?[ -]old|y/?o\b)(?!\s+{_KIN})",
    re.IGNORECASE,
)
_AGED = re.compile(r"\b(?:aged|age)\s+(?:of\s+)?(\d{1,3})\b(?!\s*(?:and|to|,)?\s*\d)", re.IGNORECASE)
_AFTER_NAME = re.compile(r"^[ \t]*[^\W\d_][^\d,.:;\n]{0,60},[ \t]*(\d{1,3})(?=[ \t]*(?:[,.;]|$))", re.MULTILINE)

_LABELLED_GENDER = re.compile(r"\b(?:gender|sex)[ \t*_]*[:：=-][\s*_]*([^\W\d_]+)", re.IGNORECASE)
_YEAR_OLD_NOUN = re.compile(rf"\byears?[ -]old,?\s+(?:[\w-]+\s+){{0,3}}?({_PART})\b", re.IGNORECASE)
_IS_A = re.compile(rf"\b(?:is|am|i['’]?m|as)\s+an?\s+(?:[\w-]+,?\s+){{0,4}}?({_PART})\b", re.IGNORECASE)
_TITLE = re.compile(r"(?:\A|^|\b[Nn]ame[ \t]*[:：][ \t]*)[ \t]*(Mrs|Ms|Miss|Mr)\b\.?", re.MULTILINE)
_LISTED = re.compile(r"(?:^|[,;(])[ \t]*(female|male|woman|man)[ \t]*(?=[,.;)]|$)", re.IGNORECASE | re.MULTILINE)
_MENTIONED = re.compile(
    rf"(?<!\bwith )(?<!\bby )(?<!\b(?:with|from) a )(?<!\bby a )(?<!\bthe )(?<!\banother )(?<!\bthat )(?<!\bthis )"
    rf"\b(?:{'|'.join(('woman', 'man', 'female', 'male'))})\b",
    re.IGNORECASE,
)

_REASON_HEAD = re.compile(
    r"^[ \t#*]*(?:\d{1,2}[.)][ \t*]*)?reasons?[ \t]+for[ \t]+(?:seeking[ \t]+)?counsell?ing[ \t*]*[:：]?[ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
_PROBLEM_HEAD = re.compile(
    r"^[ \t#*]*(?:\d{1,2}[.)][ \t*]*)?"
    r"(?:presenting[ \t]+problems?|reasons?[ \t]+for[ \t]+(?:seeking[ \t]+)?counsell?ing)\b",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT_HEAD = re.compile(r"^[ \t#*]*\d{1,2}[.)][ \t*]*[A-Z]", re.MULTILINE)


def read_age(cell: str, personal_info: str) -> int | None:
    """The age in years: of the cell, else of the text; None if neither says it, or if the text names several ages.

    Args:
        cell: of the table's column; may be empty.
        personal_info: such as `Age: 34`, `a 34-year-old nurse` or `Anna, 34, a nurse`.
    """
    if given := _CELL_AGE.fullmatch(cell.strip()):
        return _possible({int(given[1])})
    for patterns in ((_LABELLED_AGE,), (_YEARS_OLD, _AGED, _AFTER_NAME)):
        found = {int(match[1]) for pattern in patterns for match in pattern.finditer(personal_info)}
        if found:
            return _possible(found)
    return None


def read_gender(cell: str, personal_info: str) -> str:
    """The gender, `woman` or `man`: of the cell, else of the text; empty if unknown or contradictory.

    Args:
        cell: of the table's column; may be empty.
        personal_info: such as `Gender: female` or `a 34-year-old woman`. Labels count more than sentences about the
            client, and these more than any other mention of a woman or man.
    """
    if cell.strip():
        return _GENDERS.get(cell.strip(" .").lower(), "")
    for patterns in ((_LABELLED_GENDER,), (_YEAR_OLD_NOUN, _IS_A, _TITLE, _LISTED), (_MENTIONED,)):
        words = [match[match.lastindex or 0] for pattern in patterns for match in pattern.finditer(personal_info)]
        if words:
            found = {_gender(word.lower()) for word in words}
            return found.pop() if len(found) == 1 else ""
    return ""


def split_intake_form(text: str) -> tuple[str, str]:
    """Split an intake form into what it says of the person and the reason for counseling, either of them empty.

    The person is described before the first section (`1. Presenting Problem`), the reason under its own heading.
    """
    section = _PROBLEM_HEAD.search(text)
    person = text[: section.start()] if section else text
    head = _REASON_HEAD.search(text)
    if not head:
        return person.strip(), ""
    following = _NEXT_HEAD.search(text, head.end())
    return person.strip(), text[head.end() : following.start() if following else len(text)].strip()


def _gender(word: str) -> str:
    if word in ("mr", "mrs", "ms", "miss"):
        return "man" if word == "mr" else "woman"
    role = next((gender for gender, roles in _ROLES.items() if word in roles), "")
    return role or _GENDERS.get(word, "")


def _possible(ages: set[int]) -> int | None:
    return ages.pop() if len(ages) == 1 and 1 <= min(ages) <= 120 else None
