"""Statistics: intervals, paired comparisons of arms, effect sizes, power, and the reliability of ratings.

Arms are compared on the clients that both have. Missing values (NaN) are counted and left out, never imputed.
"""

from mirror.statistics.intervals import UNBOUNDED, Bounds, Estimate, estimate, mean_interval, proportion
from mirror.statistics.paired import adjust, compare_arms, detectable_difference, effect_size, sign_flip_test
from mirror.statistics.reliability import (
    Agreement,
    IntraclassCorrelation,
    agreement,
    alpha_interval,
    icc,
    krippendorff_alpha,
)

__all__ = [
    "UNBOUNDED",
    "Agreement",
    "Bounds",
    "Estimate",
    "IntraclassCorrelation",
    "adjust",
    "agreement",
    "alpha_interval",
    "compare_arms",
    "detectable_difference",
    "effect_size",
    "estimate",
    "icc",
    "krippendorff_alpha",
    "mean_interval",
    "proportion",
    "sign_flip_test",
]
