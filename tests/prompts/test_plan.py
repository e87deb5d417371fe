"""Plans as text: writing and reading are inverse, and what models write is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts import (
    TECHNIQUES,
    Plan,
    format_plan,
    parse_plan,
)

STEPS = st.lists(st.text().map(lambda text: " ".join(text.split())).filter(bool), min_size=1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TECHNIQUES), STEPS)
def test_plan_round_trips(technique, steps):
    assert parse_plan(format_plan(technique, steps)) == Plan(technique, tuple(steps))


def test_plan_round_trips_where_a_step_looks_like_something_else():
    steps = ("2. Second first", "**Name** it", "Plan: CBT technique: Pie Chart", "- so 1. a 2. b", "1.5 hours")
    assert parse_plan(format_plan("Reality Testing", steps)) == Plan("Reality Testing", steps)


@pytest.mark.parametrize(
    "text",
    [
        "CBT technique: Reality Testing\nCounseling plan:\n1. Ask gently\n2. Look together",
        "cbt TECHNIQUE: reality testing\ncounselling PLAN: 1. Ask gently\n2. Look together",
        "Reality  Testing\r\n\r\n1) Ask gently\r\n\r\n2) Look together\r\n",
        "**CBT Technique:** Reality-Testing.\n\n**Plan:**\n- Ask gently\n* Look together",
        "I choose reality testing here.\n  1. Ask\n     gently\n  2. Look together",
        "Technique:\nReality Testing\nStep 1: Ask gently\nStep 2: Look together",
        "CBT technique: Reality Testing. Plan: 1. Ask gently 2. Look together",
        "CBT technique: Reality Testing\n**1.** Ask gently\n**2.** Look together",
    ],
)
def test_plan_parser_reads_what_small_models_write(text):
    plan = parse_plan(text)
    assert (plan.canonical, plan.steps) == ("Reality Testing", ("Ask gently", "Look together"))


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_plan_parser_knows_every_technique_in_any_case(technique):
    plan = parse_plan(f"{technique.upper().replace('-', ' ')}\n1. Use Continuum")
    assert (plan.technique, plan.canonical) == (technique.upper().replace("-", " "), technique)


def test_a_decimal_number_begins_no_step():
    assert parse_plan("Continuum\n1. Walk for\n1.5 hours\n2. Rest").steps == ("Walk for 1.5 hours", "Rest")


def test_the_technique_line_counts_before_names_in_the_text():
    assert parse_plan("Not a Pie Chart.\nCBT technique: Continuum\n1. a").technique == "Continuum"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "none of the 12"),
        ("1. Listen\n2. Ask", "none of the 12"),
        ("CBT technique: Mindfulness\n1. Use Reality Testing", "none of the 12"),
        ("CBT technique: Pie Chart", "no numbered steps"),
        ("CBT technique: Pie Chart\nCounseling plan:\n1.\n2. ", "no numbered steps"),
    ],
)
def test_an_incomplete_plan_is_refused_with_what_is_missing(text, missing):
    with pytest.raises(ValueError, match=missing):
        parse_plan(text)


@pytest.mark.parametrize(
    ("technique", "steps", "message"),
    [
        ("Mindfulness", ["a"], "unknown technique 'Mindfulness'"),
        ("Pie Chart", [], "no steps"),
        ("Pie Chart", ["a", "b\nc"], "step 2"),
        ("Pie Chart", [" a"], "step 1"),
    ],
)
def test_a_plan_that_could_not_be_read_back_is_not_written(technique, steps, message):
    with pytest.raises(ValueError, match=message):
        format_plan(technique, steps)
