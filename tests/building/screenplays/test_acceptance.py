"""The rule of acceptance: parsed whole, refused with what there is to name, and a missing value never fulfils it."""

from math import nan

import pytest

from mirror.building.screenplays.acceptance import MEASURES, Term, parse_rule, refusals
from mirror.transcripts.arm import Arm
from tests.studies import CLIENTS, rate, study, write


def arm(folder):
    return Arm.read(folder)


def test_a_rule_is_parsed():
    assert parse_rule(" names>=0.8 AND resistance_change <= -1e-1 and rules:ctrs.understanding > 4") == (
        Term("names", ">=", 0.8),
        Term("resistance_change", "<=", -0.1),
        Term("rules:ctrs.understanding", ">", 4.0),
    )
    assert parse_rule("  ") == ()


@pytest.mark.parametrize(
    "rule",
    ["names", "names >= x", "names >= 0.8 or turns > 1", "names >= 0.8 and", "names >= nan", "0.8 <= names <= 1"]
    + ["names >= 1 and and turns > 1", "and names >= 1", "names >= 1 and\tand"],
)
def test_what_is_no_comparison_is_refused(rule):
    with pytest.raises(ValueError, match="no comparison"):
        parse_rule(rule)


def test_unknown_names_are_refused_all_at_once_with_what_there_is():
    with pytest.raises(ValueError) as refused:
        parse_rule("name >= 1 and ctrs.kindness >= 2 and rules:names > 0 and m:ctrs.focus > 1")
    text = str(refused.value)
    for name in ("'name'", "'ctrs.kindness'", "'rules:names'", "'m:ctrs.focus'", "resistance_change", "ctrs.focus"):
        assert name in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["names", "turns", "resistant", "resistance_change", "ended_by_client", "distinct_2"])
def test_a_measure_is_that_of_the_analysis(name, tmp_path):
    """Every session is accepted at its own value as the analysis gives it, and refused just beyond."""
    folder = write(tmp_path, "one")
    of_study = study(folder)
    measure = next(one for one in (*of_study.outcomes, *of_study.descriptive) if one.key == name)
    values = of_study.scores(measure)["one"]
    for idx, value in values.dropna().items():
        assert idx not in refusals(arm(folder), [Term(name, "<=", value + 1e-9), Term(name, ">=", value - 1e-9)])
        assert name in refusals(arm(folder), [Term(name, ">", value + 1e-9)])[idx]


def test_a_session_without_a_value_is_refused(tmp_path):
    found = refusals(arm(write(tmp_path, "one")), parse_rule("openness >= 0"))  # known of scripted clients only
    assert found == dict.fromkeys(CLIENTS, "openness is no value, and the rule asks for openness >= 0")


def test_ratings_of_the_offline_judge_count_only_where_the_rule_says_so(tmp_path):
    folder = write(tmp_path, "one")
    rate(folder, {"60": [4]}, judge="rules", instrument="ctrs")
    assert set(refusals(arm(folder), parse_rule("ctrs.understanding >= 4"))) == set(CLIENTS)
    assert set(refusals(arm(folder), parse_rule("rules:ctrs.understanding >= 4"))) == {*CLIENTS} - {"60"}


def test_a_rating_by_a_model_is_none_of_the_offline_judge(tmp_path):
    folder = write(tmp_path, "one")
    rate(folder, {"60": [4, 5], "61": [3, None]}, instrument="ctrs")
    assert set(refusals(arm(folder), parse_rule("rules:ctrs.understanding >= 0"))) == set(CLIENTS)
    assert "60" not in refusals(arm(folder), parse_rule("ctrs.understanding = 4.5"))
    assert "61" in refusals(arm(folder), parse_rule("ctrs.understanding > 3"))


def test_every_judge_must_agree(tmp_path):
    folder = write(tmp_path, "one")
    rate(folder, {"60": [5]}, judge="m", instrument="ctrs")
    first = (folder / "ratings.jsonl").read_text()
    rate(folder, {"60": [2]}, judge="n", instrument="ctrs")
    (folder / "ratings.jsonl").write_text(first + (folder / "ratings.jsonl").read_text())
    assert "5, 2" in refusals(arm(folder), parse_rule("ctrs.understanding >= 4"))["60"]
    assert "60" not in refusals(arm(folder), parse_rule("ctrs.understanding >= 2"))


def test_missing_is_no_number():
    assert not any(Term("names", comparison, 0).holds(nan) for comparison in (">=", "<=", ">", "<", "="))
    assert "names" in MEASURES
