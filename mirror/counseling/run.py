"""A counseling run: the clients of a table, the cast, the run's folder. What `notebooks/counsel.ipynb` calls."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from mirror.chat.prices import Price, parse_prices
from mirror.counseling.casting import make_cast
from mirror.counseling.session import ROLES, Outcome, Taken, run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.counseling.shards import shard_run
from mirror.paths import display_path, input_path
from mirror.progress_bar import progress_bar
from mirror.run_folder import Run
from mirror.settings.errors import SettingsError
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn


class SessionsFailed(RuntimeError):
    """Some sessions of a run failed; the message names them and says how to go on. The others are complete."""


class Counseling:
    """One run of sessions.

    Attributes:
        profiles: the clients of this run: its share of the table.
        run: the folder `results/<run>/`; the sessions lie in `sessions/` there.
    """

    def __init__(self, settings: CounselSettings) -> None:
        """Reads the table, opens the run's folder and loads the models.

        Raises:
            ProfileError: the table has faults; all of them are named.
            RunConflict: the folder holds a run with other settings.
        """
        self.settings = settings
        share, shares = settings.share
        profiles = read_profiles(input_path(settings.table), input_path(settings.portraits))[share - 1 :: shares]
        self.profiles = profiles[: settings.sessions or None]
        if not self.profiles:
            raise SettingsError(f"shard {settings.shard} holds no client: the table has fewer; use fewer shares")
        self.run = Run(shard_run(settings.run, share, shares), settings.model_dump(), settings.MACHINE, settings.fresh)
        self.cast = make_cast(settings)
        self.run.open()  # after all that can be refused: nothing is removed for a run that cannot begin
        self.run.record("running", cast=self.facts(), clients=[profile.idx for profile in self.profiles])

    def facts(self) -> dict[str, Any]:
        """What every collaborator says of itself."""
        return self.cast.facts()

    def clients(self) -> pd.DataFrame:
        """The clients of this run, a row each."""
        columns = ("idx", "name", "personal_info", "resistance", "reason", "distorted_thought")
        return pd.DataFrame([{name: getattr(profile, name) for name in columns} for profile in self.profiles])

    def session(self, profile: Profile) -> SessionFolder:
        return SessionFolder(self.run.folder / "sessions" / profile.idx)

    def first(self) -> SessionFolder:
        """The first client's session, counseled alone; `counsel` then leaves it as it is."""
        with self.run.working("counseling"):
            self._run(self.profiles[:1])
        return self.session(self.profiles[0])

    def counsel(self) -> pd.DataFrame:
        """All sessions; how each ended, a row each.

        Raises:
            SessionsFailed: some ended by an error of their own.
        """
        with self.run.working("counseling"):
            outcomes = self._run(self.profiles)
            failed = [outcome for outcome in outcomes if outcome.status == "failed"]
            self.run.record("incomplete" if failed else "complete", sessions=len(outcomes), failed=len(failed))
        if failed:
            named = "\n".join(f"  {outcome.idx}: {outcome.reason}" for outcome in failed)
            raise SessionsFailed(
                f"{len(failed)} of {len(outcomes)} sessions failed:\n{named}\nthe others are complete in "
                f"{display_path(self.run.folder)}; start the same run again to retry only these"
            )
        return pd.DataFrame(outcomes)

    def summary(self) -> pd.DataFrame:
        """What the run's sessions have come to so far, a row a fact: turns, faces, tokens, money, seconds by stage."""
        folders = [self.session(profile) for profile in self.profiles]
        turns = [turn for folder in folders for turn in folder.turns()]
        faces = [turn.face for turn in turns if turn.face]
        seconds: Counter[str] = Counter()
        for folder in folders:
            for stages in folder.timings().values():
                seconds.update(stages)
        facts = {"turns": len(turns), "faces": len(faces)}
        facts["faces accepted"] = sum(not face.exhausted for face in faces)
        facts["faces accepted at once"] = sum(not face.exhausted and face.chosen == 1 for face in faces)
        facts["attempts a face"] = sum(len(face.attempts) for face in faces) / max(len(faces), 1)
        facts |= _counselor_facts(turns)
        tokens = sum((Counter(turn.tokens) for turn in turns), Counter())
        for role in ROLES:
            facts |= {f"tokens {name}, {role}": tokens[key] for key, name in _tokens(role) if key in tokens}
        if prices := priced_roles(self.settings):
            facts["dollars"] = cost(prices, tokens)
        facts |= {f"{stage}, seconds a turn": total / max(len(turns), 1) for stage, total in seconds.items()}
        told = {name: f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for name, value in facts.items()}
        return pd.DataFrame(told.items(), columns=["what", "value"])

    def _count(self, tally: "Tally", taken: Taken) -> None:
        """Counts a turn; and records what a server has refused of a role's parameters, when that is new."""
        tally.count(taken)
        of_role = {
            "client": self.cast.client.facts,
            "describer": self.cast.describer.facts,
            "counselor": lambda: self.cast.counselor.facts()["counselor"],
        }
        known = self.run.provenance.get("left_out", {})  # in an earlier part of the run, too
        new = {role: of_role[role]().get("left_out", {}) for role in self.settings.models}
        left_out = known | {role: known.get(role, {}) | found for role, found in new.items() if found}
        if left_out != known:
            self.run.record("running", left_out=left_out)

    def _run(self, profiles: list[Profile]) -> list[Outcome]:
        settings = self.settings
        sound = [profile for profile in profiles if not session_faults(self.session(profile))]
        done = sum(len(self.session(profile).turns()) for profile in sound)
        ended = sum((self.session(profile).ended or {}).get("status") == "complete" for profile in sound)
        total = sum(self._most_turns(profile) for profile in sound)
        with progress_bar("counseling", "turns", total, done) as bar:
            tally = Tally(bar, settings, len(profiles), ended)
            return run_sessions(
                self.cast,
                profiles,
                self.run.folder / "sessions",
                settings.seed,
                settings.concurrency,
                settings.max_turns,
                partial(self._count, tally),
            )

    def _most_turns(self, profile: Profile) -> int:
        """How many turns the client's session has, or can still have."""
        ended = self.session(profile).ended
        return ended["turns"] if ended and ended["status"] == "complete" else self.settings.max_turns


def _counselor_facts(turns: Sequence[Turn]) -> dict[str, int]:
    """How often the counselor could not read or say all, where it ever could not."""
    cut = Counter(kind for turn in turns for kind in turn.cut_off)
    counts = {f"answers that ran out of tokens, {kind.replace('_', ' ')}": count for kind, count in cut.items()}
    counts["turns without a plan that was asked for"] = sum(
        "planning" in turn.counselor_raw and not turn.plan for turn in turns
    )
    counts["turns with older utterances left out"] = sum(turn.dropped_utterances > 0 for turn in turns)
    counts["turns with the newest utterance cut"] = sum(turn.cut_characters > 0 for turn in turns)
    return {name: count for name, count in counts.items() if count}


def priced_roles(settings: CounselSettings) -> dict[str, Price]:
    """The price of each role whose model has one."""
    prices = parse_prices(settings.prices)
    return {role: prices[model] for role, model in settings.models.items() if model in prices}


def cost(prices: Mapping[str, Price], tokens: Mapping[str, int]) -> float:
    """Dollars for the tokens of the roles that have a price."""
    return sum(price.cost(*(tokens.get(key, 0) for key, _ in _tokens(role))) for role, price in prices.items())


def _tokens(role: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """What a turn's record calls the tokens that a role read and wrote, each with its word."""
    return (f"{role}_prompt", "read"), (f"{role}_completion", "written")


class Tally:
    """Moves a bar with every turn: sessions ended, faces accepted, tokens, dollars.

    Tokens and dollars are of the turns taken since the start; `summary` has those of the whole run.
    A session that ends early shortens the bar, so that its time left is that of the turns to come at the most.
    """

    def __init__(self, bar: tqdm, settings: CounselSettings, sessions: int, ended: int) -> None:
        self.bar, self.max_turns, self.sessions, self.ended = bar, settings.max_turns, sessions, ended
        self.prices = priced_roles(settings)
        self.faces = self.accepted = 0
        self.tokens: Counter[str] = Counter()

    def count(self, taken: Taken) -> None:
        turn = taken.turn
        if turn.ended:
            self.bar.total -= self.max_turns - turn.number
        self.ended += turn.ended or turn.number == self.max_turns
        self.faces += turn.face is not None
        self.accepted += turn.face is not None and not turn.face.exhausted
        self.tokens.update(turn.tokens)
        told = [f"{self.ended} of {self.sessions} sessions", f"{self.accepted} of {self.faces} faces accepted"]
        told += [f"{self.tokens.total():,} tokens"] if self.tokens else []
        told += [f"${cost(self.prices, self.tokens):.4f}"] if self.prices else []
        self.bar.set_postfix_str(", ".join(told), refresh=False)
        self.bar.update()
