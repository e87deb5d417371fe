"""Several arms on the same clients: what each session came to, by measure, and what stands against comparing them.

Reads transcripts and ratings. Draws nothing and tests nothing. Knows nothing of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Literal

import pandas as pd

from mirror.arm import Arm, aliases, natural
from mirror.instrument import Instrument
from mirror.metrics import Metrics, halves, read_metrics
from mirror.ratings import read_ratings, reliability, session_scores, subscale_scores
from mirror.run import display_path
from mirror.settings import CounselSettings

Unit = Literal["share", "points", "cosine", "words", "score", "number"]
# What may differ between arms: it is what they are compared for.
COUNSELOR = frozenset(
    "counselor size cot checkpoint base_model revision counselor_model counselor_url sees_face temperature top_p "
    "max_new_tokens context precision".split()
)


@dataclass(frozen=True)
class Measure:
    """One number a session.

    Attributes:
        key: a column of `Metrics.sessions`, or of the ratings.
        label: what it is, to stand in a table.
        better: the direction that is good for the client; empty for what is neither good nor bad.
    """

    key: str
    label: str
    unit: Unit
    better: Literal["higher", "lower", ""] = ""


OUTCOMES = (
    Measure("names", "replies that name the feeling shown", "share", "higher"),
    Measure("reflects", "replies that take up words and ask openly", "share", "higher"),
    Measure("repeats", "replies given before in the session", "share", "lower"),
    Measure("resistant", "client's turns that show resistance", "share", "lower"),
    Measure("resistance_change", "change of that share to the second half", "points", "lower"),
    Measure("openness", "scripted client's openness at the end", "share", "higher"),
)
DESCRIPTIVE = (
    Measure("turns", "turns", "number"),
    Measure("ended_by_client", "sessions that the client ended", "share"),
    Measure("accepted_first", "faces accepted at the first attempt", "share"),
    Measure("accepted", "faces accepted at all", "share"),
    Measure("attempts", "attempts a face", "number"),
    Measure("relevance", "face and cue", "cosine"),
    Measure("identity", "face and portrait", "cosine"),
    Measure("caption_agrees", "captions that name a feeling of the cue", "share"),
    Measure("reply_words", "words a reply", "words"),
    Measure("questions", "question marks a reply", "number"),
    Measure("repetition", "four-word sequences used before", "share"),
    Measure("distinct_1", "distinct-1 of all replies", "share"),
    Measure("distinct_2", "distinct-2 of all replies", "share"),
    Measure("techniques", "CBT techniques a session", "number"),
    Measure("tokens", "tokens a session, as far as counted", "number"),
    *(Measure(f"tokens_{role}", f"tokens of the {role}", "number") for role in ("client", "describer", "counselor")),
    Measure("seconds", "seconds a session", "number"),
    *(
        Measure(f"seconds_{stage}", f"seconds for the {stage}", "number")
        for stage in ("client", "description", "face", "counselor")
    ),
)


class StudyError(ValueError):
    """Arms that cannot be compared. The message says why, and what to do."""


class Study:
    """The arms with all that was read of them.

    Attributes:
        metrics: by arm.
        clients: the clients that every arm has, in natural order.
        everyone: the clients that any arm has.
    """

    def __init__(self, arms: Sequence[Arm], instruments: Sequence[Instrument] = ()) -> None:
        """Raises StudyError where no client is in every arm, or an idx names two persons."""
        short = aliases([arm.folder.name for arm in arms])
        self.arms = [replace(arm, alias=alias) for arm, alias in zip(arms, short, strict=True)]
        self.instruments = list(instruments)
        self.metrics: dict[str, Metrics] = {arm.name: read_metrics(arm) for arm in self.arms}
        having = {name: set(metrics.sessions.idx) for name, metrics in self.metrics.items()}
        self.everyone = sorted(set.union(*having.values()), key=natural)
        self.clients = [idx for idx in self.everyone if all(idx in its for its in having.values())]
        if not self.clients:
            told = "; ".join(f"{name} has {_listed(sorted(its, key=natural))}" for name, its in having.items())
            raise StudyError(f"no client is in every arm, and arms are compared on the same clients: {told}")
        self._refuse_strangers()

    def _refuse_strangers(self) -> None:
        for one, other in combinations(self.arms, 2):
            known = [idx for idx in self.clients if idx in one.persons and idx in other.persons]
            if differing := [idx for idx in known if one.person(idx) != other.person(idx)]:
                raise StudyError(
                    f"{_listed(differing)}: another person in {display_path(one.folder)} than in "
                    f"{display_path(other.folder)}; compare runs of the same clients"
                )

    @property
    def looks(self) -> pd.DataFrame:
        """The arms and what their colours stand for."""
        return pd.DataFrame([{"arm": arm.name, "variant": arm.variant} for arm in self.arms])

    def overview(self) -> pd.DataFrame:
        """A row an arm: who counseled, and how its sessions ended."""
        rows = []
        for arm in self.arms:
            sessions = self.metrics[arm.name].sessions
            by = sessions.ended_by.value_counts()
            code = (arm.provenance.get("code") or {}).get("commit") or ""
            rows.append(
                {
                    "arm": arm.name,
                    "run": display_path(arm.folder),
                    "counselor": arm.counselor,
                    "sessions": len(sessions),
                }
                | {"complete": int((sessions.status == "complete").sum())}
                | {"ended by client": int(by.get("client", 0)), "turn limit": int(by.get("turn limit", 0))}
                | {"failed": int(by.get("error", 0)), "under way": int(by.get("nothing yet", 0))}
                | {"turns": int(sessions.turns.sum()), "code": code[:7]}
            )
        return pd.DataFrame(rows)

    def cautions(self) -> list[str]:
        """What a reader must know before comparing the arms, a sentence each."""
        found = []
        for arm in self.arms:
            sessions = self.metrics[arm.name].sessions
            if missing := [idx for idx in self.everyone if idx not in set(sessions.idx)]:
                found.append(f"{arm.name} lacks {len(missing)} of {len(self.everyone)} clients ({_listed(missing)}).")
            broken = sessions[sessions.status != "complete"]
            if len(broken):
                found.append(
                    f"{len(broken)} of {len(sessions)} sessions of {arm.name} are not complete "
                    f"({_listed(broken.idx.tolist())}) and count as missing; counsel again to go on with them."
                )
        first, *others = self.arms
        for arm in others:
            names = (first.settings.keys() | arm.settings.keys()) - COUNSELOR - CounselSettings.MACHINE - {"run"}
            told = [
                f"{name} is {first.settings.get(name)!r} in {first.name} and {arm.settings.get(name)!r} in {arm.name}"
                for name in sorted(names)
                if first.settings.get(name) != arm.settings.get(name)
            ]
            if told:
                found.append(f"{first.name} and {arm.name} differ in more than the counselor: {'; '.join(told)}.")
        return found

    # Measures ---------------------------------------------------------------------------------------------------------

    def scores(self, measure: Measure) -> pd.DataFrame:
        """A row a client that any arm has (index idx), a column an arm; NaN where there is no complete session."""
        columns = {arm.name: self._of_arm(arm, measure.key) for arm in self.arms}
        return pd.DataFrame(columns).reindex(self.everyone).rename_axis("idx")

    def _of_arm(self, arm: Arm, key: str) -> pd.Series:
        if key in self.ratings.columns:
            return self.ratings.loc[self.ratings.arm == arm.name].set_index("idx")[key].dropna()
        sessions = self.metrics[arm.name].sessions.set_index("idx")
        if key == "resistance_change":
            found = halves(self.metrics[arm.name].turns, "resistant")
            values = found.late - found.early
        elif key == "ended_by_client":
            values = (sessions.ended_by == "client").astype(float)
        else:
            values = sessions.get(key, pd.Series(index=sessions.index)).astype(float)
        return values[sessions.status.reindex(values.index) == "complete"]

    @property
    def outcomes(self) -> list[Measure]:
        """What is good or bad for the client, without a judge and by judges, where at least one arm has a value."""
        rated = [Measure(key, label, "score", better) for key, (label, better) in self._rated.items()]
        return [measure for measure in (*OUTCOMES, *rated) if self.scores(measure).notna().any(axis=None)]

    @property
    def descriptive(self) -> list[Measure]:
        return [measure for measure in DESCRIPTIVE if self.scores(measure).notna().any(axis=None)]

    # Ratings ----------------------------------------------------------------------------------------------------------

    @cached_property
    def answers(self) -> pd.DataFrame:
        """The scores of all judges' answers (`subscale_scores`), with the arm."""
        found = [subscale_scores(read_ratings(arm.folder), self.instruments).assign(arm=arm.name) for arm in self.arms]
        return pd.concat([table for table in found if len(table)] or found[:1], ignore_index=True)

    @cached_property
    def ratings(self) -> pd.DataFrame:
        """A row a session that was rated: arm, idx, and a column an instrument's subscale and judge."""
        if not len(self.answers):
            return pd.DataFrame(columns=["arm", "idx"])
        by_arm = [
            session_scores(of_arm).assign(arm=arm, key=lambda t: t.instrument + "." + t.subscale + " by " + t.judge)
            for arm, of_arm in self.answers.groupby("arm", sort=False)
        ]
        table = pd.concat(by_arm, ignore_index=True).pivot(index=["arm", "idx"], columns="key", values="score")
        return table.reset_index().rename_axis(columns=None)

    @cached_property
    def _rated(self) -> dict[str, tuple[str, Literal["higher", "lower"]]]:
        """The label and the direction of every column of the ratings."""
        found = self.answers[["instrument", "subscale", "judge", "better"]].drop_duplicates()
        return {
            f"{row.instrument}.{row.subscale} by {row.judge}": (
                f"{_scale(row.instrument, row.subscale)} ({row.judge})",
                row.better,
            )
            for row in found.itertuples()
        }

    def reliability(self, seed: int) -> pd.DataFrame:
        """How far a judge's repeats agree, over all arms; empty without ratings."""
        if not len(self.answers):
            return pd.DataFrame()
        told = self.answers.assign(idx=self.answers.arm + "/" + self.answers.idx)
        return reliability(told, seed)


def _scale(instrument: str, subscale: str) -> str:
    return instrument if subscale == instrument else f"{instrument}: {subscale.replace('_', ' ')}"


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
