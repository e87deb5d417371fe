"""Verdicts: what is accepted, what another attempt cannot help, and that none is true or false by itself."""

from typing import get_args

import pytest
from pydantic import ValidationError

from mirror.transcripts.verdict import Check, Outcome, Verdict, portrait_fault

CHECK = Check(name="relevant", passed=False, score=0.1, threshold=0.2, model="m")


def test_a_verdict_is_no_truth_value():
    for verdict in (Verdict(outcome="accepted"), Verdict(outcome="unsafe")):
        with pytest.raises(TypeError, match="use verdict.accepted"):
            if verdict:
                pass
        with pytest.raises(TypeError):
            _ = not verdict
    assert Verdict(outcome="accepted").accepted and not Verdict(outcome="no_face").accepted


def test_of_all_outcomes_one_is_accepted_and_three_are_the_portraits_fault():
    verdicts = {outcome: Verdict(outcome=outcome) for outcome in get_args(Outcome)}
    assert [outcome for outcome, verdict in verdicts.items() if verdict.accepted] == ["accepted"]
    final = {"unreadable_portrait", "no_face_in_portrait", "several_faces_in_portrait"}
    assert {outcome for outcome, verdict in verdicts.items() if verdict.is_final} == final


def test_a_portrait_has_to_show_one_face():
    found = [portrait_fault(["face"] * number) for number in range(4)]
    assert found == ["no_face_in_portrait", None, "several_faces_in_portrait", "several_faces_in_portrait"]


def test_the_score_of_a_check_that_was_not_made_is_none():
    verdict = Verdict(outcome="irrelevant", checks=(CHECK,))
    assert (verdict.score("relevant"), verdict.score("same_person")) == (0.1, None)


def test_a_verdict_is_read_back_from_its_json_with_its_acceptance():
    verdict = Verdict(outcome="irrelevant", checks=(CHECK,))
    assert verdict.model_dump()["accepted"] is False
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@pytest.mark.parametrize("values", [{"outcome": "fine"}, {"outcome": "unsafe", "checks": [{"name": "safe"}]}])
def test_what_is_no_verdict_is_refused(values):
    with pytest.raises(ValidationError):
        Verdict.model_validate(values)
