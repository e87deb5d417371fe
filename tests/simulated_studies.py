"""Simulates whole studies with a known truth: power, interactions, and ratings by people and a judge.

    python -m tests.simulated_studies --studies 1000

Power: the share of studies that support a hypothesis with its effect, against what `power_of` claims, at the usual
level and at that of the first step of Holm's correction over three hypotheses. Interactions: base model × face in four
arms on the same clients, each with a level of its own; coverage of the interval, and the share of p <= 0.05 with and
without an interaction. Ratings: two people and a judge of three repeats rate the sessions of two arms with known
agreement; the differences go through the same tables as those of a real study.
"""

import argparse
import sys

import numpy as np
import pandas as pd

from mirror.rating.forms.agreement import agreements
from mirror.rating.instrument import read_instrument
from mirror.rating.ratings import HUMANS, arm_scores, session_scores
from mirror.statistics import (
    alpha_interval,
    compare_arms,
    compare_differences,
    krippendorff_alpha,
    power_of,
    sign_flip_test,
)

ALPHA = 0.05
STRICT = ALPHA / 3  # the first step of Holm's correction over three hypotheses
CELLS = ("tuned, shown", "tuned, swapped", "base, shown", "base, swapped")
OFF = 1.5  # percentage points beyond three standard errors
INSTRUMENT = "helpfulness"
PEOPLE, REPEATS = ("human anna", "human ben"), 3
SESSION, LENIENCY, NOISE = 1.0, 0.3, 0.7  # standard deviations: sessions, people (lenient or strict), one rating


# Power ----------------------------------------------------------------------------------------------------------------


def power(clients: int, effect: float, alpha: float, studies: int, resamples: int = 4000) -> tuple[float, float]:
    """The share of studies, in percent, with p below `alpha` in the right direction, and what is claimed."""
    random = np.random.default_rng([clients, int(100 * effect), int(1e4 * alpha)])
    drawn = random.normal(effect, 1, (clients, studies))
    found = (sign_flip_test(drawn, 1, resamples) < alpha) & (drawn.mean(0) > 0)
    return 100 * found.mean(), 100 * power_of(clients, effect, 1 - alpha)


def powers(studies: int) -> pd.DataFrame:
    cases = [(n, effect, alpha) for n in (12, 24, 40) for effect in (0.3, 0.5, 0.8) for alpha in (ALPHA, STRICT)]
    rows = [(n, effect, round(alpha, 4), *power(n, effect, alpha, studies)) for n, effect, alpha in cases]
    return pd.DataFrame(rows, columns=["clients", "effect", "level", "simulated", "claimed"])


# Interactions ---------------------------------------------------------------------------------------------------------


def crossed(clients: int, interaction: float, random: np.random.Generator) -> pd.DataFrame:
    """Scores of four arms [clients, arms]: the tuned model gains more from the face by `interaction`."""
    level = random.normal(0, 1, (clients, 1))
    means = np.array([0.5 + interaction, 0.2, 0.3, 0.0])  # without it, seeing the face is worth 0.3 to both
    return pd.DataFrame(level + means + random.normal(0, 0.5, (clients, 4)), columns=CELLS)


def recovered(clients: int, interaction: float, studies: int, resamples: int = 1000) -> dict[str, float]:
    """Mean estimate, coverage and share of p <= 0.05, both in percent."""
    random = np.random.default_rng([clients, int(100 * interaction)])
    rows = [compare_differences(crossed(clients, interaction, random), CELLS, 1, resamples) for _ in range(studies)]
    table = pd.DataFrame(rows)
    covered = (table["low"] <= interaction) & (interaction <= table["high"])
    significant = (table["p"] <= ALPHA) & (table["difference"] * (interaction or 1) > 0 if interaction else True)
    claimed = 100 * power_of(clients, interaction) if interaction else np.nan  # each client's deviation is 1
    return {
        "clients": clients,
        "interaction": interaction,
        "estimate": table["difference"].mean(),
        "coverage": 100 * covered.mean(),
        "significant": 100 * significant.mean(),
        "claimed": claimed,
    }


# Ratings --------------------------------------------------------------------------------------------------------------


def rated(clients: int, effect: float, random: np.random.Generator) -> dict[str, pd.DataFrame]:
    """The ratings of two arms, as `read_ratings` returns them; continuous, so that the truth is known."""
    items = [item.id for item in read_instrument(INSTRUMENT).items]
    lenient = dict(zip(PEOPLE, random.normal(0, LENIENCY, len(PEOPLE)), strict=True))
    found = {}
    for arm, mean in (("base", 3.0), ("tuned", 3.0 + effect)):
        quality = random.normal(mean, SESSION, clients)
        raters = [(name, 1, "human", quality + shift) for name, shift in lenient.items()]
        raters += [("model", repeat, "judge", quality) for repeat in range(1, REPEATS + 1)]
        rows = [
            (str(idx), INSTRUMENT, repeat, np.nan, item, value + random.normal(0, NOISE), name, "rated", kind)
            for name, repeat, kind, values in raters
            for idx, value in enumerate(values)
            for item in items
        ]
        columns = "idx instrument repeat turn item score judge status kind".split()
        found[arm] = pd.DataFrame(rows, columns=columns)
    return found


def of_ratings(clients: int, effect: float, studies: int, resamples: int = 1000) -> pd.DataFrame:
    """One row per study and rater: the difference between the arms, and the agreement of people."""
    random, instrument = np.random.default_rng([clients, 7]), read_instrument(INSTRUMENT)
    rows = []
    for _ in range(studies):
        ratings = rated(clients, effect, random)
        answers = arm_scores(ratings, [instrument])
        sessions = pd.concat(session_scores(of).assign(arm=arm) for arm, of in answers.groupby("arm"))
        one = sessions[sessions["subscale"] == next(iter(instrument.subscales))]
        for judge in (HUMANS, "model"):
            scores = one[one["judge"] == judge].pivot(index="idx", columns="arm", values="score")
            rows.append({"judge": judge, **compare_arms(scores[["tuned", "base"]], 1, resamples).iloc[0]})
        among = agreements(ratings, 1, 200).humans.iloc[0]
        rows[-2] |= {"alpha": among["interval_alpha"], "icc": among["icc"], "icc_mean": among["icc_mean"]}
    return pd.DataFrame(rows)


def true_agreement() -> dict[str, float]:
    """ICC(2,1) and ICC(2,k) of one item in the population; alpha for interval data is near the first."""
    other = LENIENCY**2 + NOISE**2
    return {"icc": SESSION**2 / (SESSION**2 + other), "icc_mean": SESSION**2 / (SESSION**2 + other / len(PEOPLE))}


def ratings_summary(clients: int, effect: float, studies: int) -> pd.DataFrame:
    table = of_ratings(clients, effect, studies)
    rows = []
    for judge, of in table.groupby("judge", sort=False):
        covered = (of["low"] <= effect) & (effect <= of["high"])
        found = {"rater": judge, "estimate": of["difference"].mean(), "coverage": 100 * covered.mean()}
        rows.append(found | {"significant": 100 * (of["p"] <= ALPHA).mean()})
        rows[-1] |= {"claimed": 100 * power_of(clients, effect / deviation(str(judge)))}
        rows[-1] |= {name: of[name].mean() for name in ("alpha", "icc", "icc_mean")}
    return pd.DataFrame(rows)


def deviation(judge: str) -> float:
    """The standard deviation of a client's difference; a person's leniency is the same in both arms."""
    raters = len(PEOPLE) if judge == HUMANS else REPEATS
    instrument = read_instrument(INSTRUMENT)
    items = len(next(iter(instrument.subscales.values())).items)
    return float(np.sqrt(2 * (SESSION**2 + NOISE**2 / (raters * items))))


def alpha_coverage(sessions: int, studies: int, resamples: int = 1000) -> tuple[float, float]:
    """The coverage, in percent, of the interval of alpha of two equally lenient raters, and the mean of alpha."""
    random, truth = np.random.default_rng([sessions, 3]), SESSION**2 / (SESSION**2 + NOISE**2)
    covered, alphas = 0, []
    for _ in range(studies):
        drawn = random.normal(0, SESSION, sessions) + random.normal(0, NOISE, (2, sessions))
        ratings = np.round(drawn * 4) / 4  # values on a scale, with ties
        low, high = alpha_interval(ratings, np.arange(sessions), 1, "interval", resamples)
        covered += low <= truth <= high
        alphas.append(krippendorff_alpha(ratings, "interval"))
    return 100 * covered / studies, float(np.mean(alphas))


# All ------------------------------------------------------------------------------------------------------------------


def margin(percent: float, studies: int) -> float:
    """Three standard errors of a share in percent, and `OFF`."""
    return 300 * np.sqrt(percent / 100 * (1 - percent / 100) / studies) + OFF


def faults(
    power_table: pd.DataFrame, crossed_table: pd.DataFrame, rated_table: pd.DataFrame, studies: int
) -> list[str]:
    """What is not as claimed, one sentence each."""
    found = [
        f"{row.clients} clients, effect {row.effect}, level {row.level}: power {row.simulated:.1f}% is not as claimed"
        for row in power_table.itertuples()
        if abs(row.simulated - row.claimed) > margin(row.claimed, studies)
    ]
    named = [(f"{row.clients} clients, interaction {row.interaction}", row) for row in crossed_table.itertuples()]
    named += [(f"ratings by {row.rater}", row) for row in rated_table.itertuples()]
    for name, row in named:
        if abs(row.coverage - 95) > margin(95, studies):
            found.append(f"{name}: covers {row.coverage:.1f}%")
        claimed = 100 * ALPHA if np.isnan(row.claimed) else row.claimed
        if abs(row.significant - claimed) > margin(claimed, studies):
            found.append(f"{name}: {row.significant:.1f}% are significant, claimed are {claimed:.1f}%")
    people, truth = rated_table.iloc[0], true_agreement()
    off = [name for name in truth if abs(people[name] - truth[name]) > 0.03]
    return found + [f"{name} is {people[name]:.3f} on average, true is {truth[name]:.3f}" for name in off]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulated_studies", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    given = parser.parse_args()
    tables = (
        powers(given.studies),
        pd.DataFrame([recovered(n, size, given.studies) for n in (12, 24, 40) for size in (0.0, 0.6)]),
        ratings_summary(24, 0.6, given.studies),
    )
    for table in tables:
        print(table.round(2).to_string(index=False, na_rep=""), end="\n\n")
    for sessions in (24, 48, 96):
        found = alpha_coverage(sessions, given.studies)
        print(f"alpha of two raters, {sessions} sessions: mean {found[1]:.3f}, covered {found[0]:.1f}%")
    if off := faults(*tables, given.studies):
        sys.exit("\n".join(off))
    print(f"{given.studies} studies per row: power, coverage, interactions and agreement are as claimed")


if __name__ == "__main__":
    main()
