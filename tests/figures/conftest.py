"""Axes to draw on, for all tests of figures."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest

from mirror import figures


@pytest.fixture
def ax():
    _, ax = figures.figure()
    yield ax
    plt.close("all")
