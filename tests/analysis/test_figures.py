"""The figures of a study: claim, quantity, n, one color per variant, points where clients are few."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mirror.analysis import figures as arms
from mirror.figures import VARIANT_COLORS


@pytest.fixture
def ax():
    _, ax = arms.tall_figure(6)
    yield ax
    plt.close("all")


def side(n=3, **changes):
    rows = [
        {
            "measure": "faces",
            "unit": "share",
            "arm": arm,
            "variant": variant,
            "mean": mean,
            "low": 0.2,
            "high": 0.9,
            "n": n,
        }
        for arm, variant, mean in (("one", "base", 0.5), ("two", "ec", 0.7))
    ]
    points = pd.DataFrame(
        [{"measure": "faces", "arm": arm, "value": v} for arm in ("one", "two") for v in np.linspace(0, 1, n)]
    )
    return pd.DataFrame(rows).assign(**changes), points


def title(ax):
    return ax.figure.get_suptitle().replace("\n", " ")


def labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def drawn(ax, x):
    """The lines whose points are exactly these."""
    return [line for line in ax.get_lines() if len(line.get_xdata()) == len(x) and np.allclose(line.get_xdata(), x)]


def test_arms_stand_side_by_side_with_mean_interval_and_n(ax):
    table, points = side()
    assert arms.side_by_side(table, points, ax, "A claim " * 20, "share of faces (more is better)") is ax
    assert title(ax) == ("A claim " * 20).strip()
    assert labels(ax) == ["one  (n = 3)", "two  (n = 3)"] and ax.get_xlabel() == "share of faces (more is better)"
    for mean, variant in ((0.5, "base"), (0.7, "ec")):
        (mark,) = drawn(ax, [mean])
        assert to_hex(mark.get_color()).upper() == VARIANT_COLORS[variant]
    assert len(drawn(ax, [0.2, 0.9])) == 2


@pytest.mark.parametrize("n, shown", [(29, 2), (30, 0)])
def test_clients_are_shown_where_they_are_few(ax, n, shown):
    table, points = side(n)
    arms.side_by_side(table, points, ax, "", "")
    assert len(drawn(ax, np.linspace(0, 1, n))) == shown


def test_what_chance_would_give_is_a_line(ax):
    arms.side_by_side(*side(chance=0.11), ax, "", "")
    assert len(drawn(ax, [0.11, 0.11])) == 2


def test_arms_of_one_variant_share_the_colour_and_differ_in_the_mark():
    found = arms.styles(pd.DataFrame({"arm": ["a", "b", "c"], "variant": ["base", "base", "ec"]}))
    assert found["a"].color == found["b"].color == VARIANT_COLORS["base"] != found["c"].color
    assert (found["a"].marker, found["a"].line) != (found["b"].marker, found["b"].line)
    assert found["a"].marker == found["c"].marker


def test_an_arm_that_saw_another_face_has_a_shade_and_a_mark_of_its_own():
    found = arms.styles(pd.DataFrame({"arm": ["a", "b"], "variant": ["ec_planning, swapped", "ec_planning"]}))
    assert found["b"].color == VARIANT_COLORS["ec_planning"] != found["a"].color
    assert found["a"].marker != found["b"].marker


def turns(n):
    rows = [
        {"arm": arm, "variant": arm, "turn": turn, "mean": 0.5, "low": -3.0, "high": 4.0, "n": n}
        for arm in ("base", "ec")
        for turn in (1, 2, 3)
    ]
    points = pd.DataFrame([{"arm": "base", "turn": t, "value": v} for t in (1, 2, 3) for v in (0.4, 0.6)])
    return pd.DataFrame(rows), points


def test_lines_go_over_turns(ax):
    assert arms.over_turns(*turns(40), ax, "It falls", "cosine\n(higher: more alike)") is ax
    assert title(ax) == "It falls" and ax.get_xlabel() == "turn" and "higher" in ax.get_ylabel()
    lines = [line for line in ax.get_lines() if line.get_label() in ("base", "ec")]
    assert [line.get_ydata().tolist() for line in lines] == [[0.5] * 3] * 2
    assert [to_hex(line.get_color()).upper() for line in lines] == [VARIANT_COLORS["base"], VARIANT_COLORS["ec"]]


def test_the_long_intervals_of_a_few_clients_do_not_flatten_their_values(ax):
    arms.over_turns(*turns(3), ax, "", "")
    low, high = ax.get_ylim()
    ends = [line for line in ax.get_lines() if line.get_marker() in (6, 7)]
    assert {line.get_ydata()[0] for line in ends if len(line.get_ydata())} == {low, high}, "bars that go on are marked"
    assert 0.3 < low < 0.4 and 0.6 < high < 0.7


def test_replies_are_stacked_to_a_whole(ax):
    table = pd.DataFrame(
        [
            {"arm": arm, "reaction": kind, "share": share, "replies": 1200}
            for arm in ("one", "two")
            for kind, share in (("named", 0.25), ("ignored", 0.5), ("repeated", 0.25))
        ]
    )
    assert arms.reactions(table, ax, "T") is ax
    ends = [[bar.get_x() + bar.get_width() for bar in bars] for bars in ax.containers]
    assert ends == [[0.25] * 2, [0.75] * 2, [1] * 2]
    assert labels(ax) == ["one  (1,200 replies)", "two  (1,200 replies)"]
    told = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert told == ["name the feeling shown", "do none of these", "repeat an earlier reply"]


def test_differences_are_filled_where_they_are_significant(ax):
    rows = [
        {"label": label, "arm": "two", "other": "one", "variant": "ec", "effect": at, "effect_low": at - 0.3}
        | {"effect_high": at + 0.3, "is_significant": seen, "note": "p", "better": better}
        for label, at, seen, better in (("x", 1.0, True, "higher"), ("y", -0.1, False, "lower"))
    ]
    assert arms.differences(pd.DataFrame(rows), ax, "T") is ax
    assert labels(ax) == ["two vs. one", "x ↑", "y ↓"]
    (filled,), (hollow,) = drawn(ax, [1.0]), drawn(ax, [0.1])
    assert to_hex(filled.get_markerfacecolor()).upper() == VARIANT_COLORS["ec"]
    assert to_hex(hollow.get_markerfacecolor()) == "#ffffff"
    low, high = ax.get_xlim()
    assert low == -high and high > 1.3
