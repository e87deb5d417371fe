"""Verdicts on registered hypotheses: supported, not supported, contradicted or not tested."""

import pytest

from mirror.analysis.registration.plan import read_registration
from mirror.analysis.registration.verdict import AFTERWARDS, NOT_REGISTERED, hypothesis_tests, registration_finding
from mirror.statistics import compare_arms, compare_differences
from tests.registered_studies import FACE, MORE, registered_at, settings, study, write_arms, write_registration

LESS = MORE | {"id": "H3", "expected": "lower"}
NONE = MORE | {"id": "H4", "outcome": "resistant", "expected": "lower"}
UNRATED = MORE | {"id": "H5", "outcome": "ctrs.general_skills by humans"}


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    return study(write_arms(tmp_path_factory.mktemp("written")))


def verdicts_on(given, tmp_path, *hypotheses, **changes):
    plan = read_registration(write_registration(tmp_path / "a.yaml", hypotheses, **changes))
    return hypothesis_tests(given, plan, settings()).set_index("hypothesis")


def test_each_hypothesis_has_its_verdict(arms, tmp_path):
    found = verdicts_on(arms, tmp_path, MORE, FACE, LESS, NONE, UNRATED)
    verdicts = ["supported", "supported", "contradicted", "not supported", "not tested"]
    assert found["verdict"].tolist() == verdicts
    assert found["why"].tolist()[-1] == "the outcome was not rated by humans"
    assert found["p_adjusted"].isna().tolist() == [False] * 4 + [True]


def test_numbers_are_those_of_the_comparison_corrected_over_the_registered_alone(arms, tmp_path):
    found = verdicts_on(arms, tmp_path, MORE, FACE, NONE)
    names = next(measure for measure in arms.outcomes if measure.key == "names")
    scores, how = arms.scores(names), (1, 2000, 0.95, names.bounds)
    alone = compare_arms(scores[["ec", "base"]], *how).iloc[0]
    crossed = compare_differences(scores, ("ec", "ec-swapped", "base", "base-swapped"), *how)
    assert found.loc["H1", ["n", "difference", "low", "high"]].tolist() == pytest.approx(
        alone[["n", "difference", "low", "high"]].tolist()
    )
    assert found["difference"]["H2"] == pytest.approx(crossed["difference"])
    assert found["p_adjusted"]["H1"] == pytest.approx(3 * alone["p"])


def test_a_hypothesis_that_could_not_be_tested_still_counts_in_the_correction(arms, tmp_path):
    alone = verdicts_on(arms, tmp_path, MORE)["p_adjusted"]["H1"]
    assert verdicts_on(arms, tmp_path, MORE, UNRATED)["p_adjusted"]["H1"] == pytest.approx(2 * alone)


def test_a_missing_arm_is_not_verdicts_on(arms, tmp_path):
    other = MORE | {"id": "H9", "arm": "m-planning"}
    found = verdicts_on(arms, tmp_path, other, arms=["m-base", "m-planning"])
    assert found["why"]["H9"] == "no arm m-planning" and found["n"]["H9"] == 0


def test_the_claim_says_what_is_confirmatory_and_what_is_exploratory(arms, tmp_path):
    path = registered_at(write_registration(tmp_path / "a.yaml", [MORE, NONE, UNRATED]), "2026-02-01T09:30:00+00:00")
    claim = registration_finding(arms, read_registration(path), path, settings()).claim
    assert claim.startswith(
        "**Of 3 registered hypotheses 1 is supported (H1), 1 is not supported (H4) and 1 is not tested (H5).** Faces: `"
    )
    assert (
        "- **H1, supported**: It names more. `names`, m-ec − m-base = +" in claim
        and "(expected higher; 95% CI +" in claim
    )
    assert "; power " in claim and "registered on 2026-02-01" in claim
    assert "Registered raters have rated nothing: humans." in claim and claim.endswith(AFTERWARDS)


def test_without_a_registration_everything_is_exploratory(arms, tmp_path):
    assert registration_finding(arms, None, tmp_path, settings()).claim == NOT_REGISTERED
