"""A result: its files, what a notebook shows of it, and captions that say n and what bars mean."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from IPython.display import HTML, Markdown

from mirror.analysis import finding
from mirror.analysis.figures import FEW
from mirror.analysis.finding import Finding, differences_caption, estimates_caption, turns_caption


@pytest.fixture
def figure():
    figure, axes = plt.subplots()
    axes.plot([0, 1])
    yield figure
    plt.close("all")


def names(folder):
    return sorted(path.name for path in (folder / "figures").iterdir())


def test_a_result_is_written_and_replaces_an_earlier_one(tmp_path, figure):
    table = pd.DataFrame({"arm": ["=a"], "mean": [0.5]})
    whole = Finding("attempts", "Few.", "n = 3", table, figure)
    assert whole.save(tmp_path) is whole
    assert names(tmp_path) == ["attempts.csv", "attempts.pdf", "attempts.png"]
    assert (tmp_path / "figures/attempts.csv").read_text() == "arm,mean\n'=a,0.5\n"
    Finding("attempts", "Nothing to draw.", table=table).save(tmp_path)
    assert names(tmp_path) == ["attempts.csv"]
    Finding("attempts", "Nothing at all.").save(tmp_path)
    assert names(tmp_path) == []


def test_a_notebook_shows_claim_figure_and_caption_in_this_order(monkeypatch, figure):
    shown = []
    monkeypatch.setattr(finding, "display", shown.append)
    Finding("a", "**Few.**", "n = 3", figure=figure)._ipython_display_()
    assert [type(one) for one in shown] == [Markdown, HTML, Markdown]
    assert (shown[0].data, shown[2].data) == ("**Few.**", "*n = 3*")
    assert shown[1].data.startswith('<img src="data:image/png;base64,') and 'alt="Figure: Few."' in shown[1].data
    assert not plt.fignum_exists(figure.number), "it is shown once"
    shown.clear()
    Finding("a", "None.")._ipython_display_()
    assert [one.data for one in shown] == ["None."]


def arms(low=0.1, clients=3):
    points = pd.DataFrame({"arm": ["a"] * clients + ["b"], "value": [1.0] * (clients + 1)})
    return pd.DataFrame({"arm": ["a", "b"], "low": [low, float("nan")]}), points


def test_arms_have_intervals_where_clients_differ_and_points_where_they_are_few():
    table, points = arms()
    assert estimates_caption("Markers: means", table, points, 0.95) == (
        "Markers: means; bars: 95% bootstrap intervals over clients; faint: each client."
    )
    table, points = arms(low=float("nan"), clients=FEW)
    assert estimates_caption("Markers: means", table, points, 0.9) == (
        "Markers: means; no intervals, as no two clients differ."
    )


def test_missing_values_are_no_clients():
    table, points = arms(clients=FEW)
    assert "faint" in estimates_caption("M", table, points.assign(value=[None, *points["value"][1:]]), 0.95)


@pytest.mark.parametrize(
    ("n", "is_share", "method"),
    [
        (FEW - 1, False, "(bootstrap over clients); faint: each client; triangles at the edge: the bar goes on."),
        (FEW, False, "(bootstrap over clients)."),
        (3, True, "(Wilson)."),
    ],
)
def test_turns_say_how_their_intervals_are_made(n, is_share, method):
    caption = turns_caption(pd.DataFrame({"n": [n, 2]}), "n = 9", 0.95, is_share)
    assert f"95% intervals of each turn {method} Per turn, n = 9." in caption


def test_differences_say_the_level_the_corrected_tests_and_what_is_not_drawn():
    drawn = pd.DataFrame({"n": [4, 4]})
    caption = differences_caption(drawn, 6, 0, 0.95)
    assert "filled where p < 0.05 after Holm's correction for 6 comparisons" in caption and "Not drawn" not in caption
    assert differences_caption(drawn, 6, 4, 0.9).endswith(
        "Not drawn: 4 comparisons without an effect size (too few clients, or the same difference for every client)."
    )
    assert "p < 0.1 after" in differences_caption(drawn, 6, 0, 0.9)
