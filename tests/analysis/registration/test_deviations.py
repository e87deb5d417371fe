"""Deviations from a registration: each is found, and a study as registered has none."""

import pytest

from mirror.analysis.registration.deviations import deviations, registered_when
from mirror.analysis.registration.plan import read_registration
from tests.registered_studies import ARMS, FACE, MORE, registered_at, settings, study, write_arms, write_registration
from tests.studies import rate, rate_by_people

BEFORE, AFTER = "2026-02-01T09:30:00+00:00", "2026-03-02T09:30:00+00:00"


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    found = write_arms(tmp_path_factory.mktemp("written"))
    rate(found[0], {"1": [4]}, judge="gpt")
    rate_by_people(found[0], {"anna": {"1": 4}})
    return study(found)


def found(path, given, **changes):
    return deviations(given, read_registration(path), path, settings(**changes))


def test_a_study_as_registered_has_none(given, tmp_path):
    path = registered_at(write_registration(tmp_path / "a.yaml", people=1), BEFORE)
    assert found(path, given) == []
    assert registered_when(path).startswith("registered on 2026-02-01 09:30 UTC (SHA-256 ")


def test_a_file_that_was_never_registered(given, tmp_path):
    path = write_registration(tmp_path / "a.yaml", people=1)
    (fault,) = found(path, given)
    assert "was never registered" in fault and "mirror.analysis.registration register" in fault
    assert registered_when(path).startswith("not registered (SHA-256 ")


def test_a_file_that_was_changed_or_registered_again_or_too_late(given, tmp_path):
    path = registered_at(write_registration(tmp_path / "a.yaml", people=1), BEFORE)
    write_registration(path, [MORE], people=1)
    assert "was changed since it was registered: its SHA-256 is " in found(path, given)[0]
    registered_at(path, BEFORE, AFTER, digests=["0" * 64, ""])
    told = found(path, given)
    assert "registered again on 2026-03-02 09:30 UTC" in told[0] and "after the first session had begun" in told[1]
    registered_at(path, AFTER)
    (fault,) = found(path, given)
    assert "registered on 2026-03-02 09:30 UTC, after the first session had begun on 2026-03-01 10:00 UTC" in fault


@pytest.mark.parametrize(
    ("plan", "changes", "message"),
    [
        ({"arms": [*ARMS, "m-planning"]}, {}, "Registered arms are missing: m-planning."),
        (
            {"arms": ["m-base", "m-ec"], "hypotheses": [MORE]},
            {},
            "Arms were added that were not registered: m-base-swapped, m-ec-swapped.",
        ),
        ({"clients": 40}, {}, "12 clients have a complete session in every arm; 40 were registered."),
        ({"people": 2}, {}, "1 people have rated; 2 were registered."),
        ({"raters": "humans"}, {}, "those of raters both; registered was humans."),
        ({"level": 0.99}, {}, "level is 0.95, registered was 0.99"),
        ({}, {"level": 0.9}, "level is 0.9, registered was 0.95"),
        (
            {"hypotheses": [FACE, MORE | {"outcome": "helpfulness.empathy by other-model"}]},
            {},
            "Registered raters have rated nothing: other-model.",
        ),
    ],
)
def test_what_is_otherwise_than_registered(plan, changes, message, given, tmp_path):
    path = registered_at(write_registration(tmp_path / "a.yaml", **{"people": 1} | plan), BEFORE)
    (fault,) = found(path, given, **changes)
    assert message in fault


def test_registered_raters_that_have_rated_are_no_fault(given, tmp_path):
    rated = [MORE | {"outcome": "helpfulness.empathy by gpt"}]
    rated += [FACE | {"outcome": "helpfulness.empathy by humans"}]
    path = registered_at(write_registration(tmp_path / "a.yaml", rated, people=1), BEFORE)
    assert found(path, given) == []
