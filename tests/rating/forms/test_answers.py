"""Returned answers: what is read, what is refused and why, what is still missing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.rating.forms.answers import Answers, AnswersError, answer_faults, read_answers, unanswered
from mirror.rating.forms.key import read_key
from tests.filled_forms import filled, form_of, save, study, write_runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("output")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(output))
        yield study(output, write_runs(output, ["60"], turns=1))


@pytest.fixture
def record(folder):
    return filled(folder, "anna", lambda *_: 3)


def faults(folder, record):
    return answer_faults(Answers.model_validate(record), read_key(folder))


def test_a_complete_form_is_without_fault(folder, record, tmp_path):
    answers = read_answers(save(tmp_path / "a.json", record))
    assert answer_faults(answers, read_key(folder)) == [] and unanswered(answers, read_key(folder)) == []
    assert answers == Answers.model_validate(record)


def test_missing_answers_are_named_and_no_fault(folder, record):
    gone = record["answers"].pop()
    assert faults(folder, record) == []
    assert unanswered(Answers.model_validate(record), read_key(folder)) == [f"{gone['code']}: {gone['item']}"]


def first(record, **changes):
    return record["answers"][0] | changes


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda r: r | {"form": "0123"}, "form '0123' is not one of this study"),
        (lambda r: r | {"rater": "ben"}, "is that of rater anna, found 'ben'"),
        (lambda r: r | {"instrument_sha256": "0"}, "worded differently"),
        (lambda r: r | {"answers": [first(r, code="ZZZZ")]}, "unknown code: ZZZZ"),
        (lambda r: r | {"answers": [first(r, turn=2)]}, " turn 2"),
        (lambda r: r | {"answers": [first(r, item="humor")]}, "unknown item: 'humor'"),
        (lambda r: r | {"answers": [first(r, value=6)]}, "not on the scale from 1 to 5"),
        (lambda r: r | {"answers": [first(r, value=0)]}, "not on the scale from 1 to 5"),
        (lambda r: r | {"answers": [first(r), first(r, value=2)]}, "answered twice"),
        (lambda r: r | {"comments": [{"code": "ZZZZ", "turn": None, "text": "x"}]}, "unknown code: ZZZZ"),
        (lambda r: r | {"comments": [{"code": first(r)["code"], "turn": None, "text": "x"}] * 2}, "commented twice"),
    ],
)
def test_each_fault_is_named(change, message, folder, record):
    found = faults(folder, change(record))
    assert len(found) == 1 and message in found[0]


def test_a_code_of_another_raters_sessions_is_unknown(output):
    folder = study(output, write_runs(output), overlap=0)
    theirs = filled(folder, "ben", lambda *_: 3)["answers"]
    found = faults(folder, filled(folder, "anna", lambda *_: 3) | {"answers": theirs})
    assert found[0].startswith("unknown code: ") and theirs[0]["code"] in found[0]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": "other"}, "is no export of a form"),
        ({"version": 2}, "has version 2 of the format, and this software reads version 1"),
        ({"answers": None}, "answers: "),
        ({"extra": 1}, "extra: "),
        ({"answers": [{"code": "A", "turn": None, "item": "x", "value": 3.5}]}, "answers.0.value: "),
        ({"answers": [{"code": "A", "turn": None, "item": "x", "value": True}]}, "answers.0.value: "),
        ({"answers": [{"code": "A", "turn": None, "item": "x", "value": 3, "at": "soon"}]}, "answers.0.at: "),
    ],
)
def test_another_format_is_refused(change, message, record, tmp_path):
    with pytest.raises(AnswersError, match=message):
        read_answers(save(tmp_path / "a.json", record | change))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1, 2]", b'{"format": NaN}', b"null", b'{"a": 1, "a": 2}'])
def test_what_is_no_export_is_refused(content, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(AnswersError):
        read_answers(tmp_path / "a.json")
    with pytest.raises(AnswersError, match="cannot be read"):
        read_answers(tmp_path / "missing.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["form", "rater", "instrument_sha256", "exported", "answers", "comments", "version", "more"])


@settings(deadline=None, max_examples=80)
@given(FIELDS, JSON, st.sampled_from(["code", "turn", "item", "value", "at"]), JSON)
def test_no_changed_file_is_taken_for_another_answer(folder, field, value, inner, other):
    """It is refused, has faults, or holds the same scores and texts; it never raises anything else."""
    original = filled(folder, "anna", lambda *_: 3)
    changed = original | {field: value}
    changed = (
        changed | {"answers": [original["answers"][0] | {inner: other}, *original["answers"][1:]]} if other else changed
    )
    path = save(folder / "changed.json", json.loads(json.dumps(changed)))
    try:
        answers = read_answers(path)
    except AnswersError:
        return
    known = read_key(folder)
    if not answer_faults(answers, known):
        allowed = range(known.lowest, known.highest + 1)
        assert answers.form == form_of(folder, "anna") and all(one.value in allowed for one in answers.answers)
