"""Krippendorff's alpha by his published examples, and the agreement of pairs by hand."""

import numpy as np
import pytest

from mirror.statistics import agreement, krippendorff_alpha

NAN = np.nan
# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, part C and D: four observers, twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


@pytest.mark.parametrize("level, published", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level, published):
    assert krippendorff_alpha(OBSERVERS, level) == pytest.approx(published, abs=5e-4)


def test_alpha_of_two_observers_is_that_of_the_published_example():
    """Part A of the same paper: binary data, two observers, no missing data."""
    one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([one, other], "nominal") == pytest.approx(0.095, abs=5e-4)


def test_alpha_knows_its_bounds():
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]]) == 1
    assert krippendorff_alpha([[1, 2], [2, 1]], "nominal") < 0
    assert abs(krippendorff_alpha(np.random.default_rng(0).integers(0, 5, (3, 3000)))) < 0.03
    for nothing in ([[1, NAN], [NAN, 2]], [[3, 3], [3, 3]], [[NAN], [NAN]]):
        assert np.isnan(krippendorff_alpha(nothing))
    with pytest.raises(ValueError, match="found 'ratio'"):
        krippendorff_alpha(OBSERVERS, "ratio")


def test_agreement_counts_pairs():
    found = agreement([[1, 2, NAN, 0], [1, 3, 4, NAN], [1, 5, NAN, NAN]])
    assert (found.pairs, found.units) == (6, 2)
    assert (found.exact, found.within_one) == (3 / 6, 4 / 6)
    assert np.isnan(agreement([[1, 2]]).exact) and np.isnan(agreement([[NAN], [1]]).exact)
