"""The figure of painters shows the numbers of its table."""

import pandas as pd
import pytest

from mirror.figures import figure, png, speed_against_acceptance

TABLE = pd.DataFrame(
    {
        "painter": ["slow", "fast"],
        "clients": [4, 4],
        "faces": [48, 48],
        "at_once": [0.9, 0.7],
        "accepted": [1.0, 0.95],
        "accepted_low": [0.93, 0.85],
        "accepted_high": [1.0, 1.0],
        "accepted_per_second": [2.0, 5.0],
    }
)


def test_every_painter_is_where_its_speed_and_acceptance_are():
    fig, ax = figure()
    speed_against_acceptance(TABLE, ax, "fast is faster", attempts=10, unit="GPU", enough=0.9)
    rings = [line.get_xydata().tolist() for line in ax.lines if line.get_markersize() == 9]
    dots = [line.get_xydata().tolist() for line in ax.lines if line.get_markersize() == 5 and line.get_marker() == "o"]
    assert rings == [[[2.0, 0.9]], [[5.0, 0.7]]] and dots == [[[2.0, 1.0]], [[5.0, 0.95]]]
    ends = [segments.get_segments()[0][:, 1].tolist() for segments in ax.collections]
    assert ends == [pytest.approx([0.93, 1.0]), pytest.approx([0.85, 1.0])]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["slow", "fast"]
    assert "accepted faces per GPU second" in ax.get_xlabel() and ax.get_title(loc="left") == "fast is faster"
    assert "4 clients; 48 faces each" in ax.texts[0].get_text()
    assert ax.get_ylim()[0] < 0.7 and ax.get_xlim()[0] == 0
    png(fig)


def test_a_painter_without_an_interval_or_an_accepted_face_is_drawn():
    fig, ax = figure()
    table = TABLE.assign(accepted_low=float("nan"), accepted_high=float("nan"), accepted_per_second=[2.0, 0.0])
    speed_against_acceptance(table, ax, "none", attempts=10, unit="CPU", enough=0.9)
    assert png(fig).startswith(b"\x89PNG")
