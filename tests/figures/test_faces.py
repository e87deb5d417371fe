"""The figure of the identity threshold: the title says both rates, the legend both counts."""

import pandas as pd
import pytest

from mirror import figures


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_identity_figure_states_both_rates_and_counts(ax):
    scores = pd.DataFrame({"score": [0.9, 0.8, 0.2, 0.1, 0.3, 0.7, 0.05], "same": [True] * 3 + [False] * 4})
    figures.identity_scores(scores, ax, 0.65)
    assert ax.get_title(loc="left") == "Above 0.65: 66.7% of pairs of one person, 25.0% of two"
    assert legend(ax) == ["different persons (n = 4)", "the same person (n = 3)"]
    for patches in ax.containers:
        assert sum(patch.get_height() for patch in patches) == pytest.approx(100)
    assert "cosine" in ax.get_xlabel() and "%" in ax.get_ylabel()
