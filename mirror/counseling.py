"""A counseling run: the clients of a table, the cast, the run's folder. What `notebooks/counsel.ipynb` calls."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from tqdm import tqdm

from mirror.casting import make_cast
from mirror.profile import Profile, read_profiles
from mirror.run import Run, display_path, input_path
from mirror.session import Outcome, Taken, run_sessions
from mirror.settings import CounselSettings
from mirror.transcript import SessionFolder


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
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh)
        self.cast = make_cast(settings)
        self.run.record("running", cast=self.facts())

    def facts(self) -> dict[str, Any]:
        """What every collaborator says of itself."""
        roles = ("client", "describer", "painter", "verifier", "counselor")
        return {role: getattr(self.cast, role).facts() for role in roles}

    def clients(self) -> pd.DataFrame:
        """The clients of this run, a row each."""
        columns = ("idx", "name", "personal_info", "resistance", "reason", "distorted_thought")
        return pd.DataFrame([{name: getattr(profile, name) for name in columns} for profile in self.profiles])

    def session(self, profile: Profile) -> SessionFolder:
        return SessionFolder(self.run.folder / "sessions" / profile.idx)

    def first(self) -> SessionFolder:
        """The first client's session, counseled alone; `counsel` then leaves it as it is."""
        self._run(self.profiles[:1])
        return self.session(self.profiles[0])

    def counsel(self) -> pd.DataFrame:
        """All sessions; how each ended, a row each.

        Raises:
            SessionsFailed: some ended by an error of their own.
        """
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

    def _run(self, profiles: list[Profile]) -> list[Outcome]:
        settings = self.settings
        folder = self.run.folder / "sessions"
        done = sum(len(self.session(profile).turns()) for profile in profiles)
        with tqdm(total=len(profiles) * settings.max_turns, initial=done, unit="turn") as bar:
            outcomes = run_sessions(
                self.cast, profiles, folder, settings.seed, settings.concurrency, settings.max_turns, counted(bar)
            )
        return outcomes


def counted(bar: tqdm) -> Callable[[Taken], None]:
    """Moves `bar` by every turn, with how many faces were accepted and what tokens were used."""
    counts = {"faces": 0, "accepted": 0, "tokens": 0}

    def report(taken: Taken) -> None:
        turn = taken.turn
        counts["faces"] += turn.face is not None
        counts["accepted"] += turn.face is not None and not turn.face.exhausted
        counts["tokens"] += sum(turn.tokens.values())
        bar.set_postfix(counts, refresh=False)
        bar.update()

    return report
