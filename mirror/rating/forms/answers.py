"""The answers on one form, as a form exports them (JSON), and what can be wrong with them.

The file holds one object: format, version, form, rater, instrument_sha256, exported (time), answers (code, turn, item,
value, at) and comments (code, turn, text, at). `turn` is null where a session is rated as a whole.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.files.json_file import strict_json
from mirror.rating.forms.key import Key, Part

FORMAT: Literal["counseling ratings"] = "counseling ratings"
VERSION = 1
MOST = 20  # faults of a kind that a message lists
Time = Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?$")]  # or empty


class AnswersError(ValueError):
    """A returned file that cannot be used. The message has one line per fault."""


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Answer(_Record):
    """The rating of one item; `at` is the time of the answer, empty if unknown."""

    code: str
    turn: int | None
    item: str
    value: int
    at: Time = ""


class Comment(_Record):
    """A rater's remark about one part."""

    code: str
    turn: int | None
    text: str
    at: Time = ""


class Answers(_Record):
    """What one rater has answered on one form so far."""

    format: Literal["counseling ratings"] = FORMAT
    version: Literal[1] = 1
    form: str
    rater: str
    instrument_sha256: str
    exported: Time = ""
    answers: list[Answer]
    comments: list[Comment] = []

    @cached_property
    def scores(self) -> Mapping[Part, dict[str, Answer]]:
        """The answers by part and item."""
        found: dict[Part, dict[str, Answer]] = {}
        for answer in self.answers:
            found.setdefault((answer.code, answer.turn), {})[answer.item] = answer
        return found

    @cached_property
    def remarks(self) -> Mapping[Part, Comment]:
        """The comments by part."""
        return {(comment.code, comment.turn): comment for comment in self.comments if comment.text.strip()}


def read_answers(path: Path) -> Answers:
    """Reads a file that a form exported.

    Raises:
        AnswersError: the file cannot be read, is no export of a form, or is of another version.
    """
    try:
        record = strict_json(path.read_bytes())
    except OSError as error:
        raise AnswersError(f"cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise AnswersError(f"is no JSON ({error}); ask the rater to save it again") from None
    _check_format(record)
    try:
        return Answers.model_validate(record)
    except ValidationError as error:
        listed = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:MOST]]
        raise AnswersError("\n".join(listed)) from None


def _check_format(record: Any) -> None:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise AnswersError(f"is no export of a form: it does not say format {FORMAT!r}")
    if record.get("version") != VERSION:
        raise AnswersError(
            f"has version {record.get('version')!r:.20} of the format, and this software reads version {VERSION}; "
            "import it with the version that wrote the form"
        )


def answer_faults(given: Answers, key: Key) -> list[str]:
    """Returns what is wrong with answers, one sentence each; missing answers are no fault."""
    if given.form not in key.forms:
        return [f"form {given.form!r:.40} is not one of this study; give the study that it was written for"]
    form = key.forms[given.form]
    faults = []
    if given.rater != form.rater:
        faults.append(f"form {given.form} is that of rater {form.rater}, found {given.rater!r:.40}")
    if given.instrument_sha256 != key.instrument_sha256:
        faults.append("the instrument of this form is worded differently from the study's; use the form as written")
    known = set(key.parts(given.form))
    asked = Counter((one.code, one.turn, one.item) for one in given.answers)
    told = Counter((one.code, one.turn) for one in given.comments)
    faults += _listed(
        "unknown code", [_named(part) for part in {p[:2] for p in asked} | set(told) if part not in known]
    )
    faults += _listed("unknown item", [repr(item)[:40] for item in {p[2] for p in asked} - set(key.items)])
    faults += _listed("answered twice", [f"{_named(p[:2])} {p[2]:.40}" for p, count in asked.items() if count > 1])
    faults += _listed("commented twice", [_named(part) for part, count in told.items() if count > 1])
    outside = [one for one in given.answers if not key.lowest <= one.value <= key.highest]
    scale = f"not on the scale from {key.lowest} to {key.highest}"
    faults += _listed(scale, [f"{_named((one.code, one.turn))} {one.item:.40}: {one.value}" for one in outside])
    return faults


def unanswered(given: Answers, key: Key) -> list[str]:
    """Returns the items without an answer, one phrase per part: `K7QF: focus, strategy`."""
    found = []
    for part in key.parts(given.form):
        if missing := [item for item in key.items if item not in given.scores.get(part, {})]:
            found.append(f"{_named(part)}: {', '.join(missing)}")
    return found


def _listed(what: str, names: list[str]) -> list[str]:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return [f"{what}: {'; '.join(sorted(names)[:MOST])}{more}"] if names else []


def _named(part: Part) -> str:
    code, turn = part
    return f"{code:.40}" if turn is None else f"{code:.40} turn {turn}"
