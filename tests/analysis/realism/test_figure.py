"""The figure of realism: one panel per measure, real sessions in gray."""

import pandas as pd

from mirror.analysis.realism.features import FEATURES
from mirror.analysis.realism.figure import draw

NAN = float("nan")
TABLE = pd.DataFrame(
    [("base", "base", measure, NAN, 0.5, 0.4, 0.6, 4) for measure in FEATURES]
    + [("base", "base", "topics_by_turn", float(turn), turn / 2, NAN, NAN, 4) for turn in (1, 2)],
    columns=["arm", "variant", "measure", "turn", "mean", "low", "high", "n"],
)


def test_every_measure_has_a_panel_with_its_arms():
    *panels, topics = draw(TABLE, None).axes
    assert [panel.get_title(loc="left") for panel in panels] == [label for label, _ in FEATURES.values()]
    names = [[tick.get_text() for tick in panel.get_yticklabels()] for panel in panels]
    assert names == [["base"], [], [], [], ["base"], [], []]  # once per row of panels
    (line,) = topics.get_lines()
    assert line.get_ydata().tolist() == [0.5, 1]


def test_real_sessions_are_a_line_with_a_band_where_their_spread_is_known():
    real = pd.DataFrame({"measure": ["turns", "client_words"], "turn": NAN, "mean": [20.0, 9], "sd": [4.0, NAN]})
    first, second, third = draw(TABLE, real).axes[:3]
    assert [len(panel.patches) for panel in (first, second, third)] == [1, 0, 0]
    assert [len(panel.get_lines()) for panel in (first, second, third)] == [3, 3, 2]
