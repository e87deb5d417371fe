"""The file of a registered study: what it may hold, and what its faults are called."""

import pytest

from mirror.analysis.registration.plan import RegistrationError, outcome_faults, read_registration
from tests import ROOT
from tests.registered_studies import FACE, MORE, write_registration


@pytest.mark.parametrize("path", sorted((ROOT / "params/study").glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_studies_can_be_read(path):
    assert read_registration(path).hypotheses


def test_a_hypothesis_knows_its_arms_and_its_rater(tmp_path):
    rated = MORE | {"id": "H3", "outcome": "ctrs.general_skills by gpt 4"}
    plan = read_registration(write_registration(tmp_path / "a.yaml", [MORE, FACE, rated]))
    simple, crossed, by_model = plan.hypotheses
    assert simple.arms == ("m-ec", "m-base") and simple.contrast == "m-ec − m-base" and simple.rater == ""
    assert crossed.contrast == "(m-ec − m-ec-swapped) − (m-base − m-base-swapped)" and len(crossed.arms) == 4
    assert by_model.rater == "gpt 4"
    assert plan.strictest_level == pytest.approx(1 - 0.05 / 3)


@pytest.mark.parametrize(
    ("hypothesis", "study", "message"),
    [
        ({"outcome": "warmth"}, {}, "outcome 'warmth' is unknown; name one of names, "),
        ({"outcome": "ctrs.warmth by m"}, {}, "ctrs has no subscale warmth; it has general_skills, cognitive_skills"),
        ({"outcome": "ctrs.general_skills by rules"}, {}, "the offline judge, whose ratings are no evidence"),
        ({"outcome": "ctrs.general_skills by m"}, {"raters": "humans"}, "its rater is m, whose ratings do not count"),
        ({"outcome": "ctrs.general_skills by humans"}, {"raters": "judge"}, "its rater is humans, whose ratings do"),
        ({"arm": "m-x"}, {}, "hypothesis H1: m-x is none of the arms m-base, m-ec"),
        ({"arm": "m-base"}, {}, "an arm is compared with itself"),
        ({"minus": {"arm": "m-ec", "other": "m-base"}}, {}, "minus names the same two arms"),
        ({"expected": "more"}, {}, "hypotheses.1.expected: must be 'higher' or 'lower', found the text 'more'"),
        ({"effect": 0.0}, {}, "hypotheses.1.effect"),
        ({"effct": 1.0}, {}, "hypotheses.1.effct: is no field here; correct its name"),
        ({}, {"clients": 1}, "clients: must be greater"),
        ({}, {"arms": ["m-base", "m-ec", "m-ec"]}, "arms: m-ec is there twice"),
        ({}, {"raters": "judge", "people": 2}, "people is 2, and raters is judge"),
    ],
)
def test_a_fault_is_named_with_its_place(hypothesis, study, message, tmp_path):
    path = write_registration(tmp_path / "a.yaml", [MORE | hypothesis], **study)
    with pytest.raises(RegistrationError) as caught:
        read_registration(path)
    assert message in str(caught.value) and "a.yaml: " in str(caught.value)


def test_two_hypotheses_of_one_name_are_refused(tmp_path):
    with pytest.raises(RegistrationError, match="H1 is there twice"):
        read_registration(write_registration(tmp_path / "a.yaml", [MORE, MORE]))


def test_no_file_and_no_yaml(tmp_path):
    with pytest.raises(RegistrationError, match="no such file .*params/study/pocket.yaml"):
        read_registration(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("title: [")
    with pytest.raises(RegistrationError, match="is no YAML"):
        read_registration(tmp_path / "b.yaml")


def test_an_instrument_of_ones_own_is_not_checked():
    assert outcome_faults("pacing.pacing by m") == []


def test_moments_and_their_change_are_outcomes():
    assert outcome_faults("affect-change.ease by humans") == outcome_faults("affect-end.distress by m") == []
    assert (
        "affect-change has no subscale warmth; it has distress, ease" in outcome_faults("affect-change.warmth by m")[0]
    )
