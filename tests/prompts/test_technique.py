"""The names of the techniques: known in every spelling, found in texts, and nothing else."""

import pytest

from mirror.prompts.technique import (
    TECHNIQUES,
    canonical_technique,
    is_known,
    named_technique,
    technique_span,
)

SPELLINGS = {
    "pros & cons analysis": "Pros and Cons Analysis",
    "Decatastrophising": "Decatastrophizing",
    "Behavioural Experiments": "Behavior Experiment",
    "evidence\u2013based  questioning": "Evidence-Based Questioning",
    '**"Pie Chart Technique"**.': "Pie Chart",
    "Problem Solving Skills Training": "Problem-Solving Skills Training",
    "Continuum\u2011technique": "Continuum",
}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_technique_is_its_own_name_in_any_case(technique):
    for spelled in (technique, technique.upper(), technique.lower().replace("-", " "), f"{technique} Technique"):
        assert canonical_technique(spelled) == technique


@pytest.mark.parametrize("spelled, technique", SPELLINGS.items())
def test_other_spellings_are_known(spelled, technique):
    assert canonical_technique(spelled) == technique


@pytest.mark.parametrize(
    "other", ["", " * ", "Pie", "Pie Charts", "Mindfulness", "Continuum or Pie Chart", "x" * 10_000]
)
def test_what_is_no_technique_has_no_name(other):
    assert canonical_technique(other) is None and technique_span(other) is None


def test_the_first_name_in_a_text_is_found_as_spelled_there():
    assert named_technique("We use a pie\n chart, then reality testing.") == "pie chart"
    assert named_technique("Piecharts and surreality testing") is None


def test_a_span_is_of_the_name_without_its_marks():
    value = '  "Reality-testing".'
    assert value[slice(*technique_span(value))] == "Reality-testing"


@pytest.mark.parametrize(
    "value, known", [("", False), (" **Not found.** ", False), ("NOT FOUND", False), ("found", True)]
)
def test_a_blank_or_not_found_field_has_no_value(value, known):
    assert is_known(value) is known
