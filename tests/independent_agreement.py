"""Compares alpha and ICC with the libraries `krippendorff` and `pingouin`, which need to be installed for it.

    python -m tests.independent_agreement

Draws ratings with missing values, ties, and values far apart, and prints the largest differences. The numbers in
tests/statistics/test_reliability.py that name these libraries are those that `reference` gives here.
"""

import sys
from math import isnan

import numpy as np
import pandas as pd

from mirror.statistics import icc, krippendorff_alpha

LARGEST = 1e-6
SEEDS = range(12)


def drawn(seed: int, raters: int, units: int, missing: float) -> np.ndarray:
    """Ratings 0 to 6 [raters, units] with ties; a share is missing."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 1 + seed % 3, (raters, units))
    ratings = np.clip(np.round(random.normal(3, 1.5, units) + noise), 0, 6)
    return np.where(random.random((raters, units)) < missing, np.nan, ratings)


def by_libraries(ratings: np.ndarray) -> dict[str, float]:
    """Alpha at three levels and ICC(2,1), ICC(2,k) of the complete units."""
    import krippendorff
    import pingouin

    found = {
        level: float(krippendorff.alpha(reliability_data=ratings, level_of_measurement=level))
        for level in ("nominal", "ordinal", "interval")
    }
    complete = ratings[:, ~np.isnan(ratings).any(0)]
    if complete.shape[1] < 5:  # pingouin refuses fewer
        return found
    long = pd.DataFrame(complete).stack().rename_axis(["rater", "unit"]).rename("score").reset_index()
    table = pingouin.intraclass_corr(long, targets="unit", raters="rater", ratings="score").set_index("Type")["ICC"]
    single, average = ("ICC2", "ICC2k") if "ICC2" in table.index else ("ICC(A,1)", "ICC(A,k)")
    return found | {"icc": float(table[single]), "icc_mean": float(table[average])}


def ours(ratings: np.ndarray) -> dict[str, float]:
    found = icc(ratings)
    levels = {level: krippendorff_alpha(ratings, level) for level in ("nominal", "ordinal", "interval")}
    return levels | {"icc": found.single, "icc_mean": found.average}


def differences() -> dict[str, float]:
    """The largest difference of each number over all drawn ratings."""
    largest: dict[str, float] = {}
    for seed in SEEDS:
        for raters, units, missing in ((2, 24, 0.0), (2, 24, 0.2), (5, 40, 0.3)):
            ratings = drawn(seed, raters, units, missing)
            mine = ours(ratings)
            for name, value in by_libraries(ratings).items():
                if not isnan(value):
                    largest[name] = max(largest.get(name, 0.0), abs(value - mine[name]))
    return largest


def reference() -> dict[str, float]:
    """What the libraries say of two raters with missing values, seed 3."""
    return by_libraries(drawn(3, 2, 24, 0.2))


def main() -> None:
    largest = differences()
    for name, value in largest.items():
        print(f"{name}: largest difference {value:.2g}")
    print("reference:", {name: round(value, 9) for name, value in reference().items()})
    if off := [name for name, value in largest.items() if value > LARGEST]:
        sys.exit(f"not as the libraries: {', '.join(off)}")


if __name__ == "__main__":
    main()
