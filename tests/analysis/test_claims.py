"""Words follow the numbers: what is large, what is not told apart, and how sure it is."""

from math import inf, nan

import pytest

from mirror.analysis import claims
from mirror.analysis.comparison import ChangeRow, ComparisonRow

ROW = ComparisonRow(
    measure="names",
    label="replies that name the feeling shown",
    unit="share",
    better="higher",
    arm="ec",
    other="base",
    variant="ec",
    n=40,
    missing=0,
    mean=0.62,
    other_mean=0.41,
    difference=0.21,
    low=0.12,
    high=0.3,
    p_adjusted=0.002,
    least_p=1e-9,
    needed=8,
    effect=0.7,
    effect_low=0.4,
    effect_high=1.0,
    detectable=0.13,
    is_significant=True,
    is_better=True,
)


@pytest.mark.parametrize(
    "value, unit, signed, told",
    [
        (0.617, "share", False, "62%"),
        (-0.05, "share", True, "−5 points"),
        (0.21, "points", False, "21 points"),
        (0.7123, "cosine", False, "0.712"),
        (1.456, "number", False, "1.46"),
        (16260.4, "number", False, "16,260"),
        (0.3, "score", True, "+0.30"),
        (nan, "share", False, "no value"),
    ],
)
def test_amounts(value, unit, signed, told):
    assert claims.amount(value, unit, signed) == told


@pytest.mark.parametrize(
    "values, told",
    [
        ({"a": 0.5, "b": 0.5}, "50% in every arm"),
        ({"a": 0.5, "b": 0.51}, "50% in a, 51% in b"),
        ({"a": 0.5}, "50% in a"),
    ],
)
def test_values_of_arms(values, told):
    assert claims.spread(values, "share") == told


@pytest.mark.parametrize(
    "values, word",
    [
        ([1, 1], "All"),
        ([0.7, 0.9], "Most"),
        ([0.2, 0.4], "Some"),
        ([0, 0], "No"),
        ([0.9, 0.2], ""),
        ([0.9, nan], "Most"),
    ],
)
def test_how_many(values, word):
    assert claims.share_word(values) == word


def test_a_difference_is_told_with_its_size_and_its_certainty():
    assert claims.comparison(ROW, 0.95) == (
        "Replies that name the feeling shown: 62% in ec and 41% in base (difference +21 points, 95% CI +12 to "
        "+30, p = 0.002, n = 40)."
    )


def test_where_no_difference_is_seen_it_says_how_large_one_could_have_been():
    told = claims.comparison(ROW._replace(p_adjusted=0.4, low=-0.02), 0.95)
    assert "no significant difference; 62% in ec" in told
    assert told.endswith("; with 40 clients a difference of 13 points is detectable at 80% power.")


def test_the_level_decides_what_is_seen():
    assert "no significant difference" not in claims.comparison(ROW._replace(p_adjusted=0.04), 0.95)
    assert "no significant difference" in claims.comparison(ROW._replace(p_adjusted=0.04), 0.99)


def test_clients_that_all_differ_alike_have_no_interval():
    told = claims.comparison(ROW._replace(low=nan, high=nan, detectable=nan, p_adjusted=1.0), 0.95)
    assert "the same for every client, so without an interval" in told and "no value" not in told


def test_one_client_is_no_comparison():
    assert "ec and base cannot be compared; only 1 client has a value in both arms." in claims.comparison(
        ROW._replace(n=1), 0.95
    )


def moves(**arms):
    return [ChangeRow(arm, 40, difference, -0.3, 0.3, p, 1e-9) for arm, (difference, p) in arms.items()]


@pytest.mark.parametrize(
    "arms, told",
    [
        ({"a": (-0.2, 0.01), "b": (-0.1, 0.02)}, "Resistance falls in every arm"),
        ({"a": (0.2, 0.5), "b": (-0.1, 0.2)}, "Resistance: no significant change in any arm"),
        ({"a": (0.2, 0.01), "b": (-0.1, 0.2)}, "Resistance rises in a; no significant change in b"),
        ({"a": (-0.2, 0.01)}, "Resistance falls"),
        ({"a": (0.2, 0.6)}, "Resistance: no significant change"),
    ],
)
def test_a_movement_is_one_only_where_it_is_seen(arms, told):
    assert claims.moved("Resistance", moves(**arms), 0.95) == told


def outcomes(*rows):
    known = [ROW._replace(label=label, p_adjusted=p, is_better=better) for label, p, better in rows]
    return claims.verdict(known, 0.95)


def test_the_verdict_names_what_is_better_what_is_worse_and_on_how_many_clients():
    assert outcomes(("x", 0.01, True), ("y", 0.2, True)) == ("ec is better than base on 1 of 2 outcomes (n = 40): x.")
    assert outcomes(("x", 0.01, True), ("y", 0.01, False), ("z", 0.01, True)) == (
        "Of 3 outcomes (n = 40), ec is better than base on 2: x and z; and worse on 1: y."
    )
    assert outcomes(("x", 0.01, False)) == "ec is worse than base on 1 of 1 outcome (n = 40): x."
    assert outcomes(("x", 0.5, True), ("y", 0.6, False)) == (
        "No significant difference between ec and base in any of 2 outcomes (n = 40)."
    )


def test_too_few_clients_are_no_finding_of_no_difference():
    rows = [ROW._replace(label=label, n=6, p_adjusted=1.0, least_p=0.1875) for label in "uvwxyz"]
    told = claims.verdict(rows, 0.95)
    assert told == (
        "ec and base could not differ significantly, whatever the data: with 6 clients and 6 comparisons the "
        "corrected p cannot be below 0.19; at least 8 clients are needed."
    )
    assert "no possible difference is detectable" in claims.comparison(rows[0]._replace(detectable=inf), 0.95)
    enough = [*rows[:5], rows[5]._replace(least_p=0.03)]
    assert claims.verdict(enough, 0.95).startswith("No significant difference between ec and base in any of 6 outcomes")
    too_few = [row._replace(needed=inf) for row in rows]
    assert claims.verdict(too_few, 0.95).endswith("more resamples are needed.")


def test_too_few_clients_are_no_finding_of_no_change():
    rows = [row._replace(n=3, least_p=0.25) for row in moves(a=(-0.2, 0.25), b=(0.1, 0.5))]
    assert claims.moved("Resistance", rows, 0.95) == "Resistance: too few clients for a significant change in any arm"


@pytest.mark.parametrize(
    "p, told", [(0.00004, "p < 0.001"), (0.0312, "p = 0.031"), (0.456, "p = 0.46"), (nan, "p unknown")]
)
def test_p_values(p, told):
    assert claims.p_value(p) == told


def test_clients_with_several_sessions_are_counted_as_clients():
    assert claims.compared({"a": 3, "b": 2}, 2) == (
        "**2 arms are compared: a and b.** Complete sessions: n = 3 (a), 2 (b); 2 clients have one in every arm."
    )
    assert claims.compared({"a": 3, "b": 3}, 3, several=True) == (
        "**2 arms are compared: a and b.** Clients with all their sessions complete: n = 3; 3 clients have them in "
        "every arm."
    )
