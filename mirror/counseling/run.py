"""A counseling run: the clients of a table, the cast, the run's folder. The API of `notebooks/counsel.ipynb`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import pandas as pd
from tqdm import tqdm

from mirror.chat.prices import Price, parse_prices
from mirror.counseling.cast import ROLES, Cast, changed_roles
from mirror.counseling.casting import build_cast, plan_memory
from mirror.counseling.session import Outcome, run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.counseling.shards import shard_run
from mirror.counseling.turn import Taken
from mirror.paths import display_path, input_path
from mirror.progress_bar import progress_bar
from mirror.run_folder import Run, RunConflict
from mirror.settings.errors import SettingsError
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn


class SessionsFailed(RuntimeError):
    """Some sessions of a run failed; the message names them and says how to resume. The others are complete."""


class Counseling:
    """One run of sessions.

    Attributes:
        settings: the run's parameters.
        profiles: the clients of this run: its share of the table.
        run: the folder `results/<run>/`, with one folder per session in `sessions/`.
    """

    def __init__(self, settings: CounselSettings) -> None:
        """Reads the table and checks the run's folder. Writes nothing and loads no model; see `open`.

        Raises:
            ProfileError: the table has faults; all of them are named.
            SettingsError: the run's share of the table is empty.
            RunConflict: the folder holds a run with other settings.
        """
        self.settings = settings
        share, shares = settings.share
        profiles = read_profiles(input_path(settings.table), input_path(settings.portraits))[share - 1 :: shares]
        self.profiles = profiles[: settings.sessions or None]
        if not self.profiles:
            raise SettingsError(f"shard {settings.shard} holds no client: the table has fewer; use fewer shares")
        self.run = Run(shard_run(settings.run, share, shares), settings.model_dump(), settings.MACHINE, settings.fresh)
        self._is_open = False

    def memory(self) -> pd.DataFrame:
        """What the run will need of its device: one row per model, then the sum and what there is. Loads no model."""
        return plan_memory(self.settings).table()

    @cached_property
    def cast(self) -> Cast:
        """Who takes part; loads the models when first used."""
        return build_cast(self.settings)

    def open(self) -> Self:
        """Loads the models, then opens the run's folder; with `fresh`, this removes an earlier run.

        `first` and `counsel` do this themselves. A second call does nothing.

        Raises:
            DoesNotFit: the device has too little memory; the message says what would fit.
            FileNotFoundError, ValueError: a model is not found, or is not what the settings say.
            RunConflict: the folder holds a run with other settings, or with another cast.
            FolderInUse: another process works in the folder.
        """
        if not self._is_open:
            facts = self.facts()  # everything that can fail comes first: a run that cannot begin removes nothing
            self._refuse_other_cast(facts)
            self.run.open()
            self.run.record("running", cast=facts, clients=[profile.idx for profile in self.profiles])
            self._is_open = True
        return self

    def _refuse_other_cast(self, facts: Mapping[str, Any]) -> None:
        before = {} if self.settings.fresh else self.run.provenance.get("cast", {})
        if changed := changed_roles(before, facts):
            raise RunConflict(
                f"{display_path(self.run.folder)} holds sessions with another {' and another '.join(changed)}; "
                "give this run another name (run), or start over (fresh)"
            )

    def facts(self) -> dict[str, Any]:
        """What every collaborator reports about itself, by role; loads the models."""
        return self.cast.facts()

    def clients(self) -> pd.DataFrame:
        """The clients of this run, one row each."""
        columns = ("idx", "name", "personal_info", "resistance", "reason", "distorted_thought")
        return pd.DataFrame([{name: getattr(profile, name) for name in columns} for profile in self.profiles])

    def session(self, profile: Profile) -> SessionFolder:
        """The folder of a client's session, which may not exist yet."""
        return SessionFolder(self.run.folder / "sessions" / profile.idx)

    def first(self) -> SessionFolder:
        """Counsels the first client alone; `counsel` then skips this session.

        Raises:
            As `open`.
        """
        self.open()
        with self.run.working("counseling"):
            self._run(self.profiles[:1])
        return self.session(self.profiles[0])

    def counsel(self) -> pd.DataFrame:
        """Counsels all clients.

        Returns:
            How each session ended, one row each: idx, turns, status, reason.

        Raises:
            SessionsFailed: some sessions failed.
            And as `open`.
        """
        self.open()
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
        """A summary of the run so far, one row per statistic: turns, faces, tokens, dollars, seconds by stage."""
        return summarize([self.session(profile) for profile in self.profiles], self.settings)

    def _run(self, profiles: list[Profile]) -> list[Outcome]:
        settings = self.settings
        undamaged = [profile for profile in profiles if not session_faults(self.session(profile))]
        done = sum(len(self.session(profile).turns()) for profile in undamaged)
        ended = sum((self.session(profile).ended or {}).get("status") == "complete" for profile in undamaged)
        total = sum(self._most_turns(profile) for profile in undamaged)
        self.cast.warm_up(min(settings.concurrency, len(profiles) - ended))
        with progress_bar("counseling", "turns", total, done) as bar:
            progress = Progress(bar, settings, len(profiles), ended)

            def report(taken: Taken) -> None:
                progress.count(taken)
                self._record_left_out()

            return run_sessions(
                self.cast,
                profiles,
                self.run.folder / "sessions",
                settings.seed,
                settings.concurrency,
                settings.max_turns,
                report,
                1 if self.cast.rotates else settings.waves,
            )

    def _record_left_out(self) -> None:
        """Records the parameters that a server refuses and that are no longer sent, if there are new ones."""
        known = self.run.provenance.get("left_out", {})  # from an earlier part of the run, too
        facts = {role: getattr(self.cast, role).facts() for role in self.settings.models}
        if "counselor" in facts:
            facts["counselor"] = facts["counselor"]["counselor"]
        new = {role: of_role.get("left_out", {}) for role, of_role in facts.items()}
        left_out = known | {role: known.get(role, {}) | found for role, found in new.items() if found}
        if left_out != known:
            self.run.record("running", left_out=left_out)

    def _most_turns(self, profile: Profile) -> int:
        """The number of turns of a complete session, or the limit for one that is not."""
        ended = self.session(profile).ended
        return ended["turns"] if ended and ended["status"] == "complete" else self.settings.max_turns


# Progress -------------------------------------------------------------------------------------------------------------


class Progress:
    """Advances a progress bar with every turn: sessions ended, faces accepted, tokens, dollars.

    Tokens and dollars count the turns taken since the start; `summarize` counts the whole run.
    A session that ends early shortens the bar, so that the time left is an upper bound.
    """

    def __init__(self, bar: "tqdm[Any]", settings: CounselSettings, sessions: int, ended: int) -> None:
        """Starts at the bar's count.

        Args:
            bar: counts turns.
            settings: of the run.
            sessions: number of sessions.
            ended: number of sessions that have ended before the start.
        """
        self.bar, self.max_turns, self.sessions, self.ended = bar, settings.max_turns, sessions, ended
        self.prices = priced_roles(settings)
        self.faces = self.accepted = 0
        self.tokens: Counter[str] = Counter()

    def count(self, taken: Taken) -> None:
        """Adds one turn."""
        turn = taken.turn
        if turn.ended and self.bar.total is not None:
            self.bar.total -= self.max_turns - turn.number
        self.ended += turn.ended or turn.number == self.max_turns
        self.faces += turn.face is not None
        self.accepted += turn.face is not None and not turn.face.exhausted
        self.tokens.update(turn.tokens)
        parts = [f"{self.ended} of {self.sessions} sessions", f"{self.accepted} of {self.faces} faces accepted"]
        parts += [f"{self.tokens.total():,} tokens"] if self.tokens else []
        parts += [f"${cost(self.prices, self.tokens):.4f}"] if self.prices else []
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update()


def summarize(folders: Sequence[SessionFolder], settings: CounselSettings) -> pd.DataFrame:
    """A summary of sessions, one row per statistic: turns, faces, tokens, dollars, seconds by stage."""
    turns = [turn for folder in folders for turn in folder.turns()]
    faces = [turn.face for turn in turns if turn.face]
    seconds: Counter[str] = Counter()  # of floats
    for folder in folders:
        for stages in folder.timings().values():
            seconds.update(stages)
    statistics: dict[str, float] = {
        "turns": len(turns),
        "faces": len(faces),
        "faces accepted": sum(not face.exhausted for face in faces),
        "faces accepted at once": sum(not face.exhausted and face.chosen == 1 for face in faces),
        "attempts a face": sum(len(face.attempts) for face in faces) / max(len(faces), 1),
    }
    statistics |= _counselor_statistics(turns)
    tokens = sum((Counter(turn.tokens) for turn in turns), Counter[str]())
    for role in ROLES:
        statistics |= {f"tokens {name}, {role}": tokens[key] for key, name in _tokens(role) if key in tokens}
    if prices := priced_roles(settings):
        statistics["dollars"] = cost(prices, tokens)
    statistics |= {f"{stage}, seconds a turn": total / max(len(turns), 1) for stage, total in seconds.items()}
    shown = {name: f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for name, value in statistics.items()}
    return pd.DataFrame(shown.items(), columns=["what", "value"])


def _counselor_statistics(turns: Sequence[Turn]) -> dict[str, int]:
    """How often a prompt or an answer of the counselor was incomplete; only counts above zero."""
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
    """The names in a turn's record of the tokens that a role read and wrote, each with its verb."""
    return (f"{role}_prompt", "read"), (f"{role}_completion", "written")
