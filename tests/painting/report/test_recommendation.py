"""The recommendation follows its rule, on invented numbers."""

import numpy as np
import pandas as pd
import pytest

from mirror.painting.report.recommendation import Rule, recommend

RULE = Rule(enough=0.9, identity_margin=0.05, most_strangers=0.05)
GOOD = {
    "accepted": 0.98, "accepted_low": 0.95, "accepted_high": 1.0, "identity": 0.6, "identity_difference": 0.0,
    "identity_difference_low": -0.01, "swapped": 0.01, "without_person": 0.0, "distance": 9.0,
}  # fmt: skip
REFERENCE = GOOD | {"identity_difference_low": np.nan, "distance": 0.0}


def recommended(*painters, rule=RULE):
    """`painters` are (name, speed, what differs from a good one), the reference first."""
    rows = [
        {"painter": name, "accepted_per_second": speed, "speedup": speed / painters[0][1]}
        | (REFERENCE if number == 0 else GOOD)
        | changes
        for number, (name, speed, changes) in enumerate(painters)
    ]
    return recommend(pd.DataFrame(rows), rule, attempts=10, unit="CPU")


def test_the_fastest_painter_that_keeps_the_rule_is_taken():
    found = recommended(("slow", 1.0, {}), ("fast", 3.0, {}), ("faster", 5.0, {"accepted_low": 0.89}))
    assert found.painter == "fast" and found.faults["slow"] == found.faults["fast"] == ()
    assert "Take fast: 3 accepted faces per CPU second, 3.00 times as many as slow." in found.text
    assert "98.0% of its faces are accepted (95.0% to 100.0%), against 98.0%" in found.text
    assert (
        "faster is faster (5.00 times) but its share of faces accepted within 10 attempts may be as low" in found.text
    )
    assert found.claim == "fast gives 3.00 times the accepted faces per second of slow"


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"accepted_low": 0.899}, "may be as low as 89.9% (90% is required)"),
        ({"accepted_low": np.nan}, "may be as low as nan% (90% is required)"),
        ({"identity_difference_low": -0.051}, "may be lower than the reference's by 0.051 (0.05 is allowed)"),
        ({"identity_difference": -0.2, "identity_difference_low": np.nan}, "lower than the reference's by 0.200"),
        ({"identity_difference": np.nan, "identity_difference_low": np.nan}, "lower than the reference's by nan"),
        ({"swapped": 0.051}, "5.1% of its faces pass for another client (5% is allowed)"),
        ({"without_person": 0.2}, "20.0% of its faces pass for the client though painted without the portrait"),
    ],
)
def test_what_breaks_the_rule_is_said(changes, fault):
    found = recommended(("slow", 1.0, {}), ("fast", 3.0, changes))
    assert found.painter == "slow" and len(found.faults["fast"]) == 1 and fault in found.faults["fast"][0]
    assert fault in found.text and found.claim == "No faster painter than slow keeps the rule"
    assert found.text.startswith("Take slow, the reference: no other painter that keeps the rule is faster.")


def test_of_equally_fast_painters_the_one_with_the_closest_pictures_is_taken():
    found = recommended(("slow", 1.0, {}), ("pale", 4.0, {"distance": 15.0}), ("close", 3.8, {"distance": 5.5}))
    assert found.painter == "close"
    assert "pale is as fast (4.00 times), but its pictures are farther from those of slow: 15.0" in found.text
    found = recommended(("slow", 1.0, {}), ("pale", 4.0, {"distance": 15.0}), ("close", 3.79, {"distance": 5.5}))
    assert found.painter == "pale" and "close" not in found.text
    unknown = recommended(("slow", 1.0, {}), ("a", 4.0, {"distance": np.nan}), ("b", 3.9, {"distance": 50.0}))
    assert unknown.painter == "b"


def test_a_painter_that_is_hardly_faster_is_not_worth_a_change():
    assert recommended(("slow", 1.0, {}), ("fast", 1.04, {})).painter == "slow"


@pytest.mark.parametrize(
    "changes", [{"accepted_low": 0.9}, {"identity_difference_low": -0.05}, {"swapped": 0.05, "without_person": 0.05}]
)
def test_the_limits_themselves_are_kept(changes):
    assert recommended(("slow", 1.0, {}), ("fast", 3.0, changes)).painter == "fast"


def test_a_slower_painter_is_neither_taken_nor_named():
    found = recommended(("slow", 2.0, {}), ("slower", 1.0, {}), ("slowest", 0.5, {"swapped": 1.0}))
    assert found.painter == "slow" and "slower" not in found.text and "slowest" not in found.text


def test_without_any_that_keeps_the_rule_the_reference_stays_with_its_faults():
    found = recommended(("slow", 1.0, {"swapped": 0.3}), ("fast", 3.0, {"accepted_low": 0.1}))
    assert found.painter == "slow"
    assert "No painter keeps the rule, so stay with slow, the reference: 30.0% of its faces" in found.text


def test_another_painter_is_taken_where_the_reference_breaks_the_rule():
    found = recommended(("slow", 1.0, {"accepted_low": 0.2}), ("slower", 0.5, {}))
    assert found.painter == "slower" and "0.50 times as many as slow" in found.text
    assert "slow is faster (1.00 times) but its share" in found.text
