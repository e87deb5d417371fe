"""What is asked of painter and verifier, and what the verdicts on some attempts decide."""

import pytest
from PIL import Image

from mirror.faces.rejection_sampling.shown_face import (
    Attempt,
    FaceRequest,
    FacesExhausted,
    PortraitUnusable,
    ShownFace,
    closeness,
    outcome_of,
)
from mirror.transcripts.verdict import Check, Verdict

PORTRAIT = Image.new("RGB", (8, 8), "tan")
REQUEST = FaceRequest("7", 3, "Woman", "looks away", "averted gaze", "direct gaze", (PORTRAIT,))
NAMES = ("safe", "relevant", "same_person")
FAILS = {"unsafe": 0, "irrelevant": 1, "another_person": 2}


def attempt(number, outcome, score=0.1):
    """An attempt whose checks pass up to the one that the outcome names; `score` is of that one."""
    failed = FAILS.get(outcome)
    checks = [Check(name=name, passed=True, score=0.5, threshold=0.2, model="m") for name in NAMES[:failed]]
    if failed is not None:
        checks.append(Check(name=NAMES[failed], passed=False, score=score, threshold=0.2, model="m"))
    return Attempt(number, number, PORTRAIT, Verdict(outcome=outcome, checks=tuple(checks)))


def test_the_prompts_put_what_varies_first():
    painting = REQUEST.painting(1)
    assert painting.prompt.startswith("a woman img, averted gaze, ")
    assert painting.negative_prompt.startswith("nude, nsfw, direct gaze, second person")
    assert REQUEST.verification(PORTRAIT).statement == "a facial photo with looks away"


def test_the_trigger_word_in_an_expression_is_no_second_person():
    face = FaceRequest("7", 1, "man", "", "an img of sadness, IMG", "", (PORTRAIT,))
    assert face.painting(0).prompt.startswith("a man img, an image of sadness, image, portrait photo")


def test_further_defects_end_the_negative_prompt():
    face = FaceRequest("7", 1, "man", "", "", "joy", (PORTRAIT,), unwanted="missing limbs")
    assert face.negative_prompt == f"{REQUEST.negative_prompt.replace('direct gaze', 'joy')}, missing limbs"


def test_an_accepted_face_is_shown_at_once():
    made = [attempt(1, "irrelevant"), attempt(2, "accepted")]
    found = outcome_of(REQUEST, made, 10, "stop")
    assert isinstance(found, ShownFace) and found.chosen is made[1] and not found.exhausted


@pytest.mark.parametrize("policy", ["keep_best", "stop"])
def test_a_rejected_face_asks_for_another_attempt_until_they_are_used_up(policy):
    made = [attempt(1, "irrelevant"), attempt(2, "another_person")]
    assert outcome_of(REQUEST, made, 3, policy) is None
    found = outcome_of(REQUEST, made, 2, policy)
    if policy == "stop":
        assert isinstance(found, FacesExhausted) and "2 faces" in str(found) and found.attempts == tuple(made)
    else:
        assert isinstance(found, ShownFace) and found.chosen is made[1] and found.exhausted


def test_a_portrait_without_a_face_ends_the_search():
    found = outcome_of(REQUEST, [attempt(1, "no_face_in_portrait")], 10, "keep_best")
    assert isinstance(found, PortraitUnusable)


def test_an_unsafe_face_is_not_shown_even_as_the_best():
    assert isinstance(outcome_of(REQUEST, [attempt(1, "unsafe", 0.19)], 1, "keep_best"), FacesExhausted)


def test_the_best_passed_most_checks_then_is_nearest_to_the_threshold_then_came_first():
    nearer, farther = attempt(2, "irrelevant", 0.19), attempt(1, "irrelevant", 0.05)
    later = attempt(3, "irrelevant", 0.19)
    other_person = attempt(4, "another_person", 0.0)
    assert sorted([other_person, nearer, farther, later], key=closeness) == [farther, later, nearer, other_person]
