"""The power of a registered study: the probability that each hypothesis is supported if its effect is there."""

import pandas as pd

from mirror.analysis.registration.plan import Registration
from mirror.statistics import clients_needed, power_of
from mirror.statistics.paired import POWER

COLUMNS = (
    "*power* is the probability of a significant difference in the expected direction at this effect (in standard "
    "deviations of the paired differences): tested *alone*, and if it needs the *smallest p* of all hypotheses in "
    "Holm's correction; *clients* are those that this takes for {power:.0%}."
)


def power_table(plan: Registration, clients: int = 0) -> pd.DataFrame:
    """Computes the power of every hypothesis.

    Args:
        plan: the registered study.
        clients: their number; 0: as registered.

    Returns:
        One row per hypothesis: hypothesis, outcome, compared, expected, effect, n, alone, corrected (powers), clients.
    """
    n = clients or plan.clients
    strict = plan.strictest_level
    rows = [
        {
            "hypothesis": one.id,
            "outcome": one.outcome,
            "compared": one.contrast,
            "expected": one.expected,
            "effect": one.effect,
            "n": n,
            "alone": power_of(n, one.effect, plan.level),
            "corrected": power_of(n, one.effect, strict),
            "clients": clients_needed(one.effect, POWER, strict),
        }
        for one in plan.hypotheses
    ]
    return pd.DataFrame(rows)


def formatted(table: pd.DataFrame) -> pd.DataFrame:
    """Formats the table of `power_table` for reading."""
    shares = {name: table[name].map("{:.0%}".format) for name in ("alone", "corrected")}
    names = {"alone": "power, alone", "corrected": "power, smallest p", "clients": f"clients for {POWER:.0%}"}
    return table.assign(**shares).rename(columns=names)
