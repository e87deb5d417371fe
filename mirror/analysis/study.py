"""Several arms on the same clients: the values of each session by measure, and the caveats of a comparison."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import inf

import pandas as pd

from mirror.analysis.caveats import (
    StudyError,
    caveats_of_ratings,
    listed,
    missing_sessions,
    other_settings,
    recorded_clients,
    refuse_other_scales,
    refuse_strangers,
    several_sessions,
)
from mirror.analysis.comparison import read_rows
from mirror.analysis.differing.prompts import different_prompts
from mirror.analysis.differing.training import different_training
from mirror.analysis.measures import DESCRIPTIVE, OUTCOMES, SAFETY, Measure, Rated, rated_measures
from mirror.analysis.metrics import Metrics, by_client, halves, read_metrics
from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.rating.instrument import Instrument
from mirror.rating.ratings import (
    Raters,
    arm_scores,
    client_scores,
    counts,
    is_evidence,
    moment_names,
    read_ratings,
    reliability,
    session_scores,
    with_changes,
)
from mirror.transcripts.arm import Arm, aliases
from mirror.transcripts.flags import LEXICON, RiskPolicy
from mirror.transcripts.session_name import client_of, number_of, session_name


class Study:
    """The arms of a study with their metrics and ratings.

    Attributes:
        arms: with their names within the study.
        policy: who reads the words for risk.
        metrics: by arm.
        clients: the clients that every arm has, complete or not, in natural order.
        everyone: the clients that any arm has.
        complete: by arm, the clients whose sessions are complete; all values are of these.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        instruments: Sequence[Instrument] = (),
        raters: Raters = "both",
        policy: RiskPolicy = LEXICON,
        session: int = 0,
    ) -> None:
        """Reads the transcripts of all arms.

        Args:
            arms: the runs to compare.
            instruments: those whose ratings count.
            raters: who counts in outcomes: people, judges or both.
            policy: who reads the words for risk.
            session: the number of the clients' sessions that count; 0: all, and a client has the mean of them.

        Raises:
            StudyError: no client is in every arm, an idx names two persons, no client has so many sessions, or ratings
                were given on another scale than their instrument has now.
            JsonLinesError: the ratings of a run are damaged.
            TranscriptError: a transcript is damaged.
        """
        short = aliases([arm.folder.name for arm in arms])
        self.arms = [replace(arm, alias=alias) for arm, alias in zip(arms, short, strict=True)]
        self.instruments, self.raters, self.policy, self.session = list(instruments), raters, policy, session
        if lacking := [arm.name for arm in self.arms if arm.per_client < session]:
            raise StudyError(f"{', '.join(lacking)}: clients have fewer sessions than {session}; set session to 0")
        self.metrics: dict[str, Metrics] = {arm.name: read_metrics(arm, policy) for arm in self.arms}
        having: dict[str, set[str]] = {
            name: set(map(client_of, metrics.sessions["idx"])) for name, metrics in self.metrics.items()
        }
        self.everyone = sorted(set.union(*having.values()), key=natural_key)
        self.clients = [idx for idx in self.everyone if all(idx in clients for clients in having.values())]
        if not self.clients:
            found = (f"{name} has {listed(sorted(clients, key=natural_key))}" for name, clients in having.items())
            raise StudyError(
                f"no client is in every arm, and arms are compared on the same clients: {'; '.join(found)}"
            )
        refuse_strangers(self.arms, self.clients)
        refuse_other_scales(self.arms, self.instruments)
        ended = {name: of.sessions[["idx", "status"]].to_numpy().tolist() for name, of in self.metrics.items()}
        self._ended: dict[str, dict[str, str]] = {name: dict(of_arm) for name, of_arm in ended.items()}
        self.complete = {arm.name: self._complete(arm) for arm in self.arms}
        self._sessions = {
            name: metrics.sessions.loc[self.counts(name, metrics.sessions["idx"])].set_index("idx")
            for name, metrics in self.metrics.items()
        }

    def _numbers(self, arm: Arm) -> list[int]:
        """The sessions of a client that count, in order."""
        return [self.session] if self.session else list(range(1, arm.per_client + 1))

    def _complete(self, arm: Arm) -> list[str]:
        ended = self._ended[arm.name]
        clients = sorted({*map(client_of, ended)}, key=natural_key)
        needed = {idx: [session_name(idx, number) for number in self._numbers(arm)] for idx in clients}
        return [idx for idx in clients if all(ended.get(name) == "complete" for name in needed[idx])]

    def counts(self, arm: str, names: "pd.Series[str]") -> "pd.Series[bool]":
        """Whether sessions count in the values of an arm: of the chosen number, and of a client with all of these."""
        is_complete = names.map(client_of).isin(self.complete[arm])
        return is_complete & (names.map(number_of) == self.session) if self.session else is_complete

    @property
    def shared(self) -> list[str]:
        """The clients with a complete session in every arm."""
        common = set.intersection(*map(set, self.complete.values()))
        return [idx for idx in self.clients if idx in common]

    def turns(self, arm: str) -> pd.DataFrame:
        """Returns the turns of an arm's sessions that count (`Metrics.turns`)."""
        return self.metrics[arm].turns.loc[lambda turns: self.counts(arm, turns["idx"])]

    def halves(self, arm: str, column: str) -> pd.DataFrame:
        """Returns the means of a column of the turns over both halves of the sessions, by client (`metrics.halves`)."""
        return by_client(halves(self.turns(arm), column))

    def overview(self) -> pd.DataFrame:
        """Returns one row per arm: the counselor, and how its sessions ended."""
        rows = []
        for arm in self.arms:
            sessions = self.metrics[arm.name].sessions
            by = Counter(sessions["ended_by"])
            code = (arm.provenance.get("code") or {}).get("commit") or ""
            rows.append(
                {
                    "arm": arm.name,
                    "run": display_path(arm.folder),
                    "counselor": arm.counselor,
                    "sessions": len(sessions),
                    "complete": int((sessions["status"] == "complete").sum()),
                    "ended by client": by["client"],
                    "turn limit": by["turn limit"],
                    "failed": by["error"],
                    "under way": by["nothing yet"],
                    "turns": int(sessions["turns"].sum()),
                    "code": code[:7],
                }
            )
        return pd.DataFrame(rows)

    def caveats(self) -> list[str]:
        """Lists what a reader must know before comparing the arms, one sentence each."""
        found = [caveat for arm in self.arms for caveat in missing_sessions(arm, self._ended[arm.name], self.everyone)]
        found += several_sessions(self.arms, self.session)
        found += recorded_clients(self.arms) + other_settings(self.arms)
        found += different_training(self.arms) + different_prompts(self.arms)
        return found + caveats_of_ratings(self.arms, self.instruments)

    @property
    def scripted(self) -> list[str]:
        """The arms whose clients are scripted: their reactions follow the rules that score the replies here."""
        return [arm.name for arm in self.arms if arm.is_scripted]

    # Measures ---------------------------------------------------------------------------------------------------------

    def scores(self, measure: Measure) -> pd.DataFrame:
        """The values of a measure, NaN where no session is complete: a row per client (index idx), a column per arm."""
        columns = {arm.name: self._of_arm(arm, measure.key).reindex(self.everyone) for arm in self.arms}
        return pd.DataFrame(columns, index=self.everyone, dtype=float).rename_axis("idx")

    def _of_arm(self, arm: Arm, key: str) -> "pd.Series[float]":
        if key in self.ratings.columns:
            values = self.ratings.loc[self.ratings["arm"] == arm.name].set_index("idx")[key]
            return values.loc[values.index.isin(self.complete[arm.name])]
        values = self._of_sessions(arm, key)
        return values if arm.per_client == 1 else by_client(values)

    def _of_sessions(self, arm: Arm, key: str) -> "pd.Series[float]":
        sessions = self._sessions[arm.name]
        if key == "resistance_change":
            found = halves(self.turns(arm.name), "resistant")
            return found["late"] - found["early"]
        if key == "ended_by_client" and not arm.replays:
            return (sessions["ended_by"] == "client").astype(float)
        if key in ("flagged", "replies_flagged") and key not in sessions:
            return pd.Series(0.0, index=sessions.index)  # read, and nothing was found
        if key not in sessions:
            return pd.Series(index=sessions.index, dtype=float)
        return sessions[key].astype(float)

    @cached_property
    def outcomes(self) -> list[Measure]:
        """Measures that are good or bad for the client: from the transcripts, and from the raters that count.

        Where the start and the end of sessions were rated, their difference is the outcome.
        """
        rated = [one for one in self._rated if counts(one.judge, self.raters)]
        of_whole = [one for one in rated if one.instrument not in self._moments]
        return self._with_values([*OUTCOMES, *rated_measures(of_whole, self.instruments)])

    @cached_property
    def rehearsed(self) -> list[Measure]:
        """The ratings of the offline judge `rules`, which are no evidence."""
        rehearsed = [one for one in self._rated if not is_evidence(one.judge)]
        return self._with_values(rated_measures(rehearsed, self.instruments))

    @cached_property
    def descriptive(self) -> list[Measure]:
        """Measures that are neither good nor bad for the client."""
        limits = {"turns": "max_turns", "attempts": "attempts"}
        described = [
            replace(measure, range=(1, self._setting(limits[measure.key]))) if measure.key in limits else measure
            for measure in DESCRIPTIVE
        ]
        is_flagged = any("flagged" in metrics.sessions for metrics in self.metrics.values())
        rated = [one for one in self._rated if one.instrument in self._moments]
        moments = rated_measures([one for one in rated if counts(one.judge, self.raters)], self.instruments)
        return self._with_values([*described, *(SAFETY if is_flagged else ()), *moments])

    def _setting(self, name: str) -> float:
        """The highest value of a setting over the arms; infinite if one did not record it."""
        return max(float(arm.settings.get(name) or inf) for arm in self.arms)

    def _with_values(self, measures: Sequence[Measure]) -> list[Measure]:
        """The measures for which at least one arm has a value."""
        return [one for one in measures if any(self._of_arm(arm, one.key).notna().any() for arm in self.arms)]

    # Ratings ----------------------------------------------------------------------------------------------------------

    @cached_property
    def item_ratings(self) -> dict[str, pd.DataFrame]:
        """The ratings of all items by arm, as `read_ratings` returns them."""
        return {arm.name: read_ratings(arm.folder) for arm in self.arms}

    @property
    def rated_items(self) -> dict[str, pd.DataFrame]:
        """The ratings by known instruments of complete sessions, by arm."""
        names = [instrument.name for instrument in self.instruments]
        return {
            arm: of.loc[of["instrument"].isin(names) & self.counts(arm, of["idx"])]
            for arm, of in self.item_ratings.items()
        }

    @property
    def unused(self) -> list[str]:
        """The raters that are evidence and do not count, by `raters`."""
        judges = sorted({rated.judge for rated in self._rated if is_evidence(rated.judge)})
        return [judge for judge in judges if not counts(judge, self.raters)]

    @cached_property
    def answers(self) -> pd.DataFrame:
        """The scores of all answers by arm (`arm_scores`)."""
        return arm_scores(self.item_ratings, self.instruments)

    @cached_property
    def ratings(self) -> pd.DataFrame:
        """The scores of the rated clients, one row each: arm, idx, and one column per subscale and judge."""
        if not len(self.answers):
            return pd.DataFrame(columns=["arm", "idx"])
        numbers = {arm.name: self._numbers(arm) for arm in self.arms}
        by_arm = [
            client_scores(session_scores(of), self.instruments, numbers[str(arm)]).assign(arm=arm)
            for arm, of in self.answers.groupby("arm", sort=False)
        ]
        scores = with_changes(pd.concat(by_arm, ignore_index=True), self.instruments)
        scores["key"] = scores["instrument"] + "." + scores["subscale"] + " by " + scores["judge"]
        table = scores.pivot(index=["arm", "idx"], columns="key", values="score")
        return table.reset_index().rename_axis(columns=None)

    @cached_property
    def _rated(self) -> list[Rated]:
        """All columns of the ratings: of whole sessions, of moments, and of their change."""
        rated = read_rows(self.answers[list(Rated._fields)].drop_duplicates(), Rated)
        ends = [one for one in rated if self._moments.get(one.instrument, ("", ""))[1] == "end"]
        return [*rated, *(one.of_change(self._moments[one.instrument][0]) for one in ends)]

    @cached_property
    def _moments(self) -> dict[str, tuple[str, str]]:
        return moment_names(self.instruments)

    def reliability(self, seed: int) -> pd.DataFrame:
        """The agreement between repeats, of judges that are evidence and of people, as `mirror.rating.ratings` has it.

        It is empty without ratings; `seed` is that of the bootstrap.
        """
        answers = self.answers.loc[self.answers["judge"].map(is_evidence).astype(bool)]
        if not len(answers):
            return pd.DataFrame()
        return reliability(answers.assign(idx=answers["arm"] + "/" + answers["idx"]), seed)
