"""Statistics: intervals, paired comparisons of arms, effect sizes, power, and the reliability of ratings.

Arms are compared on the clients that both have. Missing values (NaN) are counted and left out, never imputed.
"""

from mirror.statistics.intervals import UNBOUNDED, Bounds, Estimate, estimate, mean_interval, proportion
from mirror.statistics.paired import (
    adjust,
    clients_for_significance,
    clients_needed,
    compare_arms,
    compare_differences,
    detectable_difference,
    effect_size,
    least_p,
    power_of,
    sign_flip_test,
)
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
    "clients_for_significance",
    "clients_needed",
    "compare_arms",
    "compare_differences",
    "detectable_difference",
    "effect_size",
    "estimate",
    "icc",
    "krippendorff_alpha",
    "least_p",
    "mean_interval",
    "power_of",
    "proportion",
    "sign_flip_test",
]
