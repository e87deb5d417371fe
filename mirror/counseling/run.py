"""A counseling run: the clients of a table, the cast, the run's folder. The API of `notebooks/counsel.ipynb`."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from mirror.counseling.cast import Cast, changed_roles, left_out
from mirror.counseling.casting import build_cast, plan_memory, strangers
from mirror.counseling.outcome import Outcome, complete_turns, stopped_at
from mirror.counseling.session import Register, read_sessions, run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.counseling.shards import shard_run
from mirror.counseling.spending.budget import Budget
from mirror.counseling.spending.estimate import estimate
from mirror.counseling.spending.progress import Progress
from mirror.counseling.spending.spent import read_spent
from mirror.counseling.spending.summary import summarize
from mirror.counseling.turn import SharedTurn, Taken
from mirror.files.lock import FolderInUse
from mirror.paths import display_path, input_path
from mirror.progress_bar import progress_bar
from mirror.run_folder import Run, RunConflict
from mirror.settings.errors import SettingsError
from mirror.tracking import tracked
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import session_name
from mirror.transcripts.turn import Conversation

if TYPE_CHECKING:
    from mirror.counseling.workers.crew import SessionCrew

log = logging.getLogger(__name__)


class SessionsFailed(RuntimeError):
    """Some sessions of a run failed; the message names them and says how to resume. The others are complete."""


class Counseling:
    """One run of sessions.

    Attributes:
        settings: the run's parameters.
        profiles: the clients of this run: its share of the table.
        run: the folder `results/<run>/`, with one folder per session in `sessions/`.
        stopped: how far `counsel` came if the budget was used up, and how to go on; else empty.
    """

    def __init__(
        self, settings: CounselSettings, profiles: Sequence[Profile] | None = None, run: Run | None = None
    ) -> None:
        """Reads the table and checks the run's folder. Writes nothing and loads no model; see `open`.

        Args:
            settings: the run's parameters.
            profiles: the clients, if they are not from the table of the settings.
            run: the run's folder, if others than these settings are recorded there.

        Raises:
            ProfileError: the table has faults; all of them are named.
            SettingsError: the run's share of the table is empty.
            RunConflict: the folder holds a run with other settings.
        """
        self.settings = settings
        self.profiles = _read_clients(settings) if profiles is None else list(profiles)
        name = shard_run(settings.run, *settings.share)
        self.run = run or Run(name, settings.model_dump(), settings.MACHINE, settings.fresh, settings.defaults())
        for fault in strangers(settings, self.profiles):
            log.warning("%s", fault)
        self.stopped = ""
        self._is_open = False
        self._progress: Progress | None = None
        self._left_out: dict[str, dict[str, Any]] = {}
        self._crew: SessionCrew | None = None
        self._facts: dict[str, Any] = {}  # of the workers

    def memory(self) -> pd.DataFrame:
        """What the run will need of its device: one row per model, then the sum and what there is. Loads no model."""
        return plan_memory(self.settings).table()

    @cached_property
    def cast(self) -> Cast:
        """Who takes part; loads the models when first used."""
        return build_cast(self.settings)

    @property
    def crew(self) -> "SessionCrew":
        """The workers of the run, with their models loaded, if there are several."""
        if self._crew is None:
            from mirror.counseling.workers.crew import SessionCrew  # starts Ray, which a run of one worker does without

            self._crew = SessionCrew(self.settings, min(self.settings.workers, len(self.profiles)))
        return self._crew

    def close(self) -> None:
        """Ends the workers, if there are several; `counsel` does this itself."""
        if self._crew is not None:
            self._crew.close()
            self._crew = None

    def open(self) -> Self:
        """Loads the models, then opens the run's folder; with `fresh`, this removes an earlier run.

        `first` and `counsel` do this themselves. A second call does nothing.

        Raises:
            DoesNotFit: the device has too little memory; the message says what would fit.
            FileNotFoundError, ValueError: a model is not found, or is not what the settings say.
            RunConflict: the folder holds a run with other settings, or with another cast.
            FolderInUse: another process works in the folder.
            ClusterError, WorkersDie: with several workers, as `SessionCrew`.
        """
        if not self._is_open:
            facts = self.facts()  # everything that can fail comes first: a run that cannot begin removes nothing
            try:
                self._refuse_other_cast(facts)
                self.run.open()
            except (RunConflict, FolderInUse):
                self.close()
                raise
            self.run.record("running", cast=facts, clients=[profile.idx for profile in self.profiles])
            self._left_out = self.run.provenance.get("left_out", {})  # by an earlier part of the run
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
        if self.settings.workers == 1:
            return self.cast.facts()
        self._facts = self._facts or dict(self.crew.facts)
        return self._facts

    def clients(self) -> pd.DataFrame:
        """The clients of this run, one row each."""
        columns = ("idx", "name", "personal_info", "resistance", "reason", "distorted_thought")
        return pd.DataFrame([{name: getattr(profile, name) for name in columns} for profile in self.profiles])

    def session(self, profile: Profile, number: int = 1) -> SessionFolder:
        """The folder of a client's session of this number, which may not exist yet."""
        return SessionFolder(self.run.folder / "sessions" / session_name(profile.idx, number))

    def sessions(self, profiles: Sequence[Profile]) -> list[tuple[Profile, SessionFolder]]:
        """The folders of all sessions of some clients, with the client of each; those of a client in order."""
        numbers = range(1, self.settings.sessions_per_client + 1)
        return [(profile, self.session(profile, number)) for profile in profiles for number in numbers]

    def first(self) -> SessionFolder:
        """Counsels the first client alone; `counsel` then skips these sessions. Returns the first one.

        Raises:
            As `open`.
        """
        self.open()
        with self.run.working("counseling"):
            self._run(self.profiles[:1])
        return self.session(self.profiles[0])

    def counsel(self) -> pd.DataFrame:
        """Counsels all clients, or as many turns of them as the budget allows; `stopped` then says how far it came.

        Returns:
            How each session ended, one row each: idx, turns, status, reason.

        Raises:
            SessionsFailed: some sessions failed.
            And as `open`.
        """
        self.open()
        with self.run.working("counseling"):
            outcomes = self._run(self.profiles)
            self.close()
            count = Counter(outcome.status for outcome in outcomes)
            self.stopped = stopped_at(outcomes)
            status = "complete" if count["complete"] == len(outcomes) else "incomplete"
            ended = {"sessions": len(outcomes), "failed": count["failed"], "open": count["open"]}
            self.run.record(status, **ended, stopped=self.stopped)
        if self.stopped:
            log.warning("%s", self.stopped)
        if failed := [outcome for outcome in outcomes if outcome.status == "failed"]:
            named = "\n".join(f"  {outcome.idx}: {outcome.reason}" for outcome in failed)
            others = f"{count['complete']} are complete" if self.stopped else "the others are complete"
            raise SessionsFailed(
                f"{len(failed)} of {len(outcomes)} sessions failed:\n{named}\n{others} in "
                f"{display_path(self.run.folder)}; start the same run again to retry only these"
                + (f"\n{self.stopped}" if self.stopped else "")
            )
        return pd.DataFrame(outcomes)

    def summary(self) -> pd.DataFrame:
        """A summary of the run so far, one row per statistic: turns, faces, tokens, dollars, seconds by stage."""
        return summarize([folder for _, folder in self.sessions(self.profiles)], self.settings)

    def estimate(self) -> pd.DataFrame:
        """What the run will cost: one row per quantity, so far, in all, and at most. Asks nobody and loads no model."""
        folders = [folder for _, folder in self.sessions(self.profiles)]
        if self.run.fresh:
            folders = [SessionFolder(self.run.folder / "fresh")] * len(folders)
        return estimate(self.settings, self.profiles, folders)

    def _run(self, profiles: list[Profile]) -> list[Outcome]:
        settings = self.settings
        total = done = ended = 0
        for profile, folder in self.sessions(profiles):
            if not session_faults(folder):
                turns = complete_turns(folder)
                total += self.turn_limit(profile) if turns is None else turns
                done += len(folder.turns()) if turns is None else turns
                ended += turns is not None
        folders = [SessionFolder(path) for path in sorted((self.run.folder / "sessions").glob("*"))]
        budget = Budget.of(settings, read_spent(folders))
        tracking = tracked(settings.logging, self.run.folder, settings.model_dump())
        with progress_bar("counseling", "turns", total, done) as bar, tracking as tracker:
            sessions = len(profiles) * settings.sessions_per_client
            progress = self._progress = Progress(bar, settings, sessions, ended, tracker, self._progress)
            if settings.workers > 1:
                return self._run_on_workers(profiles, budget, progress)
            if not budget.used_up:
                left = len(profiles) * settings.sessions_per_client - ended
                self.cast.warm_up(min(settings.concurrency, len(profiles), left))

            def report(taken: Taken) -> None:
                progress.count(taken)
                self._record_left_out(left_out(self.cast, tuple(settings.models)))

            budget.start()
            return self._run_sessions(profiles, report, budget)

    def _run_sessions(
        self, profiles: Sequence[Profile], report: Callable[[Taken], None], budget: Budget
    ) -> list[Outcome]:
        return run_sessions(
            self.cast,
            profiles,
            self.run.folder / "sessions",
            self.settings.seed,
            self.settings.concurrency,
            {profile.idx: self.turn_limit(profile) for profile in profiles},
            report,
            1 if self.cast.rotates else self.settings.waves,
            budget,
            self.begin_turn,
            self.settings.returns,
        )

    def begin_turn(self, cast: Cast, conversations: Sequence[Conversation]) -> SharedTurn:
        """A turn that several sessions take together."""
        return SharedTurn(cast, conversations)

    def turn_limit(self, profile: Profile) -> int:
        """The number of turns that a client's session has at most."""
        return self.settings.max_turns

    def _run_on_workers(self, profiles: list[Profile], budget: Budget, progress: Progress) -> list[Outcome]:
        settings = self.settings
        folder = self.run.folder / "sessions"
        sessions = read_sessions(profiles, folder, settings.seed, settings.max_turns, settings.returns)
        register = Register(sessions, budget, progress.count)
        try:
            self.crew.counsel(register, self._record_left_out)
        except BaseException:  # also Ctrl-C: what workers are at is not written any more
            self.close()
            raise
        return register.outcomes()

    def _record_left_out(self, new: Mapping[str, Mapping[str, Any]]) -> None:
        """Records the parameters that a server refuses and that are no longer sent, if there are new ones."""
        known = self._left_out  # kept, since this is asked after every turn, and the record names every client
        merged = known | {role: {**known.get(role, {}), **found} for role, found in new.items() if found}
        if merged != known:
            self.run.record("running", left_out=merged)
            self._left_out = merged


def _read_clients(settings: CounselSettings) -> list[Profile]:
    """The clients of the run's share of the table."""
    share, shares = settings.share
    profiles = read_profiles(input_path(settings.table), input_path(settings.portraits))[share - 1 :: shares]
    if not profiles:
        raise SettingsError(f"shard {settings.shard} holds no client: the table has fewer; use fewer shares")
    return profiles[: settings.sessions or None]
