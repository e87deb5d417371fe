"""Krippendorff's alpha by his published examples, and the agreement of pairs by hand."""

from fractions import Fraction

import numpy as np
import pytest

from mirror.statistics import agreement, alpha_interval, icc, krippendorff_alpha
from mirror.statistics.intervals import resample_weights
from tests.independent_agreement import drawn, ours

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


def test_alpha_is_that_of_the_library_krippendorff_to_six_digits():
    """The worked example in the documentation of krippendorff 0.8: three coders, 15 units, and its printed values."""
    coders = [
        [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
        [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
        [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
    ]
    assert krippendorff_alpha(coders, "nominal") == pytest.approx(0.691358, abs=5e-7)
    assert krippendorff_alpha(coders, "interval") == pytest.approx(0.810845, abs=5e-7)


def test_alpha_and_icc_are_those_of_two_libraries():
    """Drawn ratings with ties and missing values; the numbers are those that `tests.independent_agreement` prints."""
    theirs = {"nominal": 0.133479212, "ordinal": 0.584234273, "interval": 0.604197901}  # krippendorff 0.9.0
    theirs |= {"icc": 0.606758833, "icc_mean": 0.755258126}  # pingouin 0.7.0
    assert ours(drawn(3, 2, 24, 0.2)) == pytest.approx(theirs, abs=1e-9)


# Shrout & Fleiss 1979, table 2: six targets, four judges. The wines are the worked example of pingouin's documentation.
SHROUT_FLEISS = [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]
WINES = [
    [1, 1, 3, 6, 6, 7, 8, 9],
    [2, 3, 8, 4, 5, 5, 7, 9],
    [0, 3, 1, 3, 5, 6, 7, 9],
    [1, 2, 4, 3, 6, 2, 9, 8],
]


@pytest.mark.parametrize(
    "ratings, single, average", [(SHROUT_FLEISS, 0.29, 0.62), (WINES, 0.73, 0.91)], ids=["paper", "pingouin"]
)
def test_icc_is_that_of_the_published_examples(ratings, single, average):
    found = icc(ratings)
    assert (round(found.single, 2), round(found.average, 2)) == (single, average)
    assert found[:2] == pytest.approx(icc_by_fractions(ratings), abs=1e-12)
    assert (found.raters, found.units) == (4, len(ratings[0]))


def icc_by_fractions(ratings):
    """ICC(2,1) and ICC(2,k) by exact sums of squares, total less rows less columns, as in the paper."""
    rows = [[Fraction(value) for value in unit] for unit in zip(*ratings, strict=True)]
    n, k = len(rows), len(rows[0])
    correction = sum(map(sum, rows)) ** 2 / (n * k)
    total = sum(value**2 for row in rows for value in row) - correction
    targets = sum(sum(row) ** 2 for row in rows) / k - correction
    judges = sum(sum(column) ** 2 for column in zip(*rows, strict=True)) / n - correction
    bms, jms = targets / (n - 1), judges / (k - 1)
    ems = (total - targets - judges) / ((n - 1) * (k - 1))
    single = (bms - ems) / (bms + (k - 1) * ems + Fraction(k, n) * (jms - ems))
    return float(single), float((bms - ems) / (bms + (jms - ems) / n))


def test_icc_uses_units_that_all_have_rated():
    """The example of pingouin's tests: without the fourth wine, whose first rating is missing, 0.75 and 0.92."""
    wines = [
        [NAN if place == 3 and rater == 0 else value for place, value in enumerate(of)]
        for rater, of in enumerate(WINES)
    ]
    found = icc(wines)
    assert (round(found.single, 2), round(found.average, 2), found.units) == (0.75, 0.92, 7)


def test_icc_knows_where_there_is_none():
    for nothing in ([[1, 2, 3]], [[1], [2]], [[2, 2], [2, 2]], [[1, NAN], [NAN, 2]]):
        assert np.isnan(icc(nothing).single) and np.isnan(icc(nothing).average)
    assert icc([[1, 2, 3], [1, 2, 3]])[:2] == (1, 1)


def test_the_interval_of_alpha_is_that_of_a_loop_over_resamples():
    """Clients with several units are drawn as a whole: the loop draws the same clients, and counts again."""
    random = np.random.default_rng(5)
    clients = np.repeat(list("abcdefgh"), [1, 2, 3, 1, 2, 3, 1, 2])
    truth = random.integers(0, 7, len(clients))
    ratings = np.clip(truth + random.integers(-1, 2, (3, len(clients))), 0, 6).astype(float)
    ratings[0, 3] = NAN
    low, high = alpha_interval(ratings, clients, seed=4, resamples=300)
    weights = np.rint(np.concatenate(list(resample_weights(8, 300, 4))) * 8).astype(int)
    alphas = []
    for counts in weights:
        units = [
            np.flatnonzero(clients == name)
            for name, count in zip("abcdefgh", counts, strict=True)
            for _ in range(count)
        ]
        alphas.append(krippendorff_alpha(ratings[:, np.concatenate(units)]))
    assert (low, high) == pytest.approx(tuple(np.nanquantile(alphas, [0.025, 0.975])), abs=1e-12)
    assert low < krippendorff_alpha(ratings) < high


def test_one_client_gives_no_interval():
    assert np.isnan(alpha_interval([[1, 2], [1, 3]], ["a", "a"], 0)).all()
    assert np.isnan(alpha_interval([[1, 1], [1, 1]], ["a", "b"], 0)).all()
