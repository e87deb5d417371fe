"""The rule by which sessions of own runs are accepted: `names >= 0.8 and ctrs.understanding >= 4`.

A term compares a number with a measure of a session (`mirror.analysis.measures`), or with a rating: the score of a
subscale, `<instrument>.<subscale>`, or of an item as the judge gave it, `<instrument>.<item>`. Of several judges, all
must agree. The offline judge is no evidence and counts only where the term asks for it: `rules:<instrument>.<item>`.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from mirror.analysis.measures import DESCRIPTIVE, OUTCOMES
from mirror.analysis.metrics import halves, read_metrics
from mirror.rating.instrument import known_instruments
from mirror.rating.ratings import RULES, is_evidence, read_ratings, session_scores, subscale_scores
from mirror.transcripts.arm import Arm

MEASURES = tuple(measure.key for measure in (*OUTCOMES, *DESCRIPTIVE))
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_TERM = re.compile(r"\s*([^\s<>=]+)\s*(>=|<=|>|<|=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*", re.ASCII)
_AND = re.compile(r"(?<=\s)and(?=\s)", re.IGNORECASE)  # the spaces around it are the terms'


@dataclass(frozen=True)
class Term:
    """One condition.

    Attributes:
        name: a measure, `<instrument>.<subscale>`, or that after `rules:`.
        comparison: `>=`, `<=`, `>`, `<` or `=`.
        limit: the number on its right.
    """

    name: str
    comparison: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether a value fulfils the condition; a missing one (NaN) does not."""
        return not isnan(value) and _COMPARE[self.comparison](value, self.limit)

    def __str__(self) -> str:
        return f"{self.name} {self.comparison} {self.limit:g}"


def rating_names() -> tuple[str, ...]:
    """Returns the ratings that a rule may name: the subscales and the items of every shipped instrument."""
    found: dict[str, None] = {}
    for instrument in known_instruments():
        parts = (*instrument.subscales, *(item.id for item in instrument.items))
        found |= dict.fromkeys(f"{instrument.name}.{part}" for part in parts)
    return tuple(found)


def parse_rule(rule: str) -> tuple[Term, ...]:
    """Parses a rule; an empty one has no terms and accepts every session.

    Raises:
        ValueError: a part is no comparison, or names nothing that sessions have; the message lists all faults, and
            what there is to name.
    """
    terms, faults = [], []
    ratings = rating_names()
    for part in _AND.split(rule.strip()) if rule.strip() else []:
        found = _TERM.fullmatch(part)
        if not found:
            faults.append(f"{part.strip()!r:.80} is no comparison of a name with a number, such as names >= 0.8")
        elif found[1] not in MEASURES and found[1].removeprefix(f"{RULES}:") not in ratings:
            faults.append(f"{found[1]!r:.80} is neither a measure nor a rating")
        else:
            terms.append(Term(found[1], found[2], float(found[3])))
    if faults:
        measures = f"accept can name the measures {', '.join(MEASURES)}"
        rated = f"and the ratings {', '.join(ratings)}; those by the offline judge as {RULES}:<rating>"
        raise ValueError("\n".join([*(f"accept: {fault}" for fault in faults), measures, rated]))
    return tuple(terms)


def refusals(arm: Arm, terms: Sequence[Term]) -> dict[str, str]:
    """Checks the sessions of a run.

    Args:
        arm: the run, without damaged sessions.
        terms: all of which must hold.

    Returns:
        Why a session is not accepted, by idx; accepted ones are missing.
    """
    found: dict[str, list[str]] = {}
    measures = _measures(arm) if any(term.name in MEASURES for term in terms) else {}
    ratings = _ratings(arm) if any(term.name not in MEASURES for term in terms) else {}
    for session in arm.sessions:
        idx = session.folder.name
        for term in terms:
            values = (measures if term.name in MEASURES else ratings).get((idx, term.name), [])
            if not values or not all(map(term.holds, values)):
                shown = ", ".join("no value" if isnan(value) else f"{value:.4g}" for value in values) or "no value"
                found.setdefault(idx, []).append(f"{term.name} is {shown}, and the rule asks for {term}")
    return {idx: "; ".join(why) for idx, why in found.items()}


def _measures(arm: Arm) -> dict[tuple[str, str], list[float]]:
    """By idx and name, the value of a measure, as `mirror.analysis.study` has it."""
    metrics = read_metrics(arm)
    sessions = metrics.sessions.set_index("idx")
    sessions["ended_by_client"] = (sessions["ended_by"] == "client").astype(float)
    if len(metrics.turns):
        of_halves = halves(metrics.turns, "resistant")
        sessions["resistance_change"] = of_halves["late"] - of_halves["early"]
    return {
        (str(idx), name): [value]
        for name in MEASURES
        if name in sessions
        for idx, value in sessions[name].astype(float).to_dict().items()
    }


def _ratings(arm: Arm) -> dict[tuple[str, str], list[float]]:
    """By idx and name in a rule, the score of every judge that counts there."""
    ratings = read_ratings(arm.folder)
    instruments = [one for one in known_instruments() if one.name in set(ratings["instrument"])]
    if not instruments:
        return {}
    of_scales = session_scores(subscale_scores(ratings, instruments))
    of_items = session_scores(ratings.rename(columns={"item": "subscale"}).assign(better=""))
    found: dict[tuple[str, str], dict[str, float]] = {}
    rows = [*of_items.to_dict("records"), *of_scales.to_dict("records")]  # a subscale counts before an item of its name
    for row in rows:
        name = f"{row['instrument']}.{row['subscale']}"
        name = name if is_evidence(row["judge"]) else f"{RULES}:{name}"
        found.setdefault((row["idx"], name), {})[row["judge"]] = float(row["score"])
    return {key: [of_judges[judge] for judge in sorted(of_judges)] for key, of_judges in found.items()}
