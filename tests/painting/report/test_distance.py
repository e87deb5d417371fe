"""Distances of first attempts from the reference's, against numbers that were computed by hand."""

import numpy as np
import pytest
from PIL import Image

from mirror.painting.attempts import AttemptFile
from mirror.painting.report.distance import distances
from tests.painting.records import record


def test_pictures_of_the_same_noise_are_compared(tmp_path):
    file = AttemptFile(tmp_path)
    for painter, level, client, outcome in (
        ("slow", 10, "60", "accepted"), ("fast", 13, "60", "accepted"),
        ("slow", 10, "61", "accepted"), ("fast", 10, "61", "unsafe"),
    ):  # fmt: skip
        picture = Image.new("RGB", (8, 8), (level, 10, 10))
        file.add(record(1, outcome, painter=painter, client=client), picture)
    found = distances(file.records, "slow", tmp_path)
    assert found["slow", "60", "sad"] == 0
    assert found["fast", "60", "sad"] == pytest.approx(np.sqrt(9 / 3))
    assert np.isnan(found["fast", "61", "sad"])
