"""The painter's prompts: one marked person, what varies before what is constant, and nothing unsafe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.faces.clip_text import split_at_trigger
from mirror.prompts.portrait import (
    QUALITY,
    UNSAFE,
    UNWANTED,
    negative_prompt,
    portrait_prompt,
    relevance_statement,
)


@pytest.mark.parametrize(
    ("gender", "person"),
    [
        ("man", "man"),
        (" Male ", "man"),
        ("FEMALE", "woman"),
        ("Woman", "woman"),
        ("nonbinary", "person"),
        ("", "person"),
    ],
)
def test_the_person_is_named_by_the_gender(gender, person):
    assert portrait_prompt(gender, "tears") == f"a {person} img, tears, {QUALITY}"


@given(st.text() | st.sampled_from(["img", "an IMG of img", ", img.", "tears img,img"]))
def test_whatever_the_expression_the_person_is_marked_once_and_first(expression):
    before, _ = split_at_trigger(portrait_prompt("man", expression))
    assert before == "a man"


def test_marks_around_the_features_are_left_out_and_nothing_leaves_no_gap():
    assert portrait_prompt("man", " ,tears, a frown. ") == f"a man img, tears, a frown, {QUALITY}"
    assert portrait_prompt("man", " . ") == f"a man img, {QUALITY}"


def test_the_negative_prompt_begins_with_what_is_unsafe_and_ends_with_further_defects():
    assert negative_prompt("a grin.", ", a beard ") == f"{UNSAFE}, a grin, {UNWANTED}, a beard"
    assert negative_prompt(" ") == f"{UNSAFE}, {UNWANTED}"


def test_the_relevance_filter_is_asked_for_the_cue():
    assert relevance_statement("tears in the eyes") == "a facial photo with tears in the eyes"
