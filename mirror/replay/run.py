"""A replay: recorded conversations, a counselor, the run's folder. The API of `notebooks/replay.ipynb`."""

from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from mirror.counseling.cast import Cast
from mirror.counseling.casting import plan_memory
from mirror.counseling.run import Counseling
from mirror.paths import input_path, output_path
from mirror.replay.cast import build_replay_cast
from mirror.replay.cost import estimate
from mirror.replay.own_run import read_run
from mirror.replay.recording import Recording, RecordingError
from mirror.replay.settings import ReplaySettings
from mirror.replay.table import read_recordings
from mirror.replay.turn import ReplayedTurn
from mirror.run_folder import Run
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation


class Replay(Counseling):
    """One run of replayed conversations. Resumes, locks and stops at a budget as `Counseling` does.

    Attributes:
        replay: the run's parameters; `settings` are those of its counselor.
        recordings: by client.
    """

    def __init__(self, replay: ReplaySettings) -> None:
        """Reads the conversations and checks the run's folder. Writes nothing and loads no model; see `open`.

        Raises:
            TableError, ColumnsError, RecordingError: the table or the run cannot be replayed; all faults are named.
            RunConflict: the folder holds a run with other settings.
        """
        self.replay = replay
        found = _read(replay)[: replay.sessions or None]
        self.recordings = {one.profile.idx: one for one in found}
        longest = max(len(one.turns) for one in found)
        super().__init__(
            replay.counsel.model_copy(update={"max_turns": longest}),
            [one.profile for one in found],
            Run(replay.run, replay.recorded, replay.MACHINE, replay.fresh, replay.defaults()),
        )

    @cached_property
    def cast(self) -> Cast:
        """Who takes part; loads the models when first used."""
        return build_replay_cast(self.replay, self.recordings)

    def memory(self) -> pd.DataFrame:
        """See `Counseling.memory`; a painter and filters count only where calm faces are painted."""
        return plan_memory(self.settings, faces=self.replay.face == "neutral").table()

    def conversations(self) -> pd.DataFrame:
        """The recorded conversations, one row each: client, turns, how many have a picture, a cue, a reply."""
        rows = [
            {
                "idx": idx,
                "personal_info": one.profile.personal_info,
                "turns": len(one.turns),
                "with a picture": sum(turn.picture is not None for turn in one.turns),
                "with a cue": sum(bool(turn.cue) for turn in one.turns),
                "with a recorded reply": sum(bool(turn.reply) for turn in one.turns),
            }
            for idx, one in self.recordings.items()
        ]
        return pd.DataFrame(rows)

    def estimate(self) -> pd.DataFrame:
        """See `Counseling.estimate`; from the recorded conversations (`mirror.replay.cost`)."""
        folders = [] if self.run.fresh else [self.session(profile) for profile in self.profiles]
        return estimate(self.replay, self.recordings, folders)

    def begin_turn(self, cast: Cast, conversations: Sequence[Conversation]) -> ReplayedTurn:
        """See `Counseling.begin_turn`."""
        return ReplayedTurn(cast, conversations, self.recordings, self.settings)

    def turn_limit(self, profile: Profile) -> int:
        """See `Counseling.turn_limit`: the number of recorded turns."""
        return len(self.recordings[profile.idx].turns)


def _read(settings: ReplaySettings) -> list[Recording]:
    if settings.from_run:
        return read_run(output_path("results") / settings.from_run)
    pictures = input_path(settings.pictures) if settings.pictures else None
    found = read_recordings(input_path(settings.table), settings.form, settings.columns, settings.speakers, pictures)
    if faults := _without_what_is_seen(found, settings):
        raise RecordingError(faults)
    return found


def _without_what_is_seen(recordings: Sequence[Recording], settings: ReplaySettings) -> list[str]:
    """The turns without a picture if such are refused, and without a cue if the counselor reads the cue."""
    asked = [(one.profile.idx, number, turn) for one in recordings for number, turn in enumerate(one.turns, 1)]
    faults = []
    if settings.no_image == "refuse" and settings.counsel.sees_face:
        faults += [
            f"conversation {idx}, turn {number}: has no picture; add it, or let the counselor see a gray square "
            "(no_image: blank)"
            for idx, number, turn in asked
            if turn.picture is None
        ]
    if settings.face == "cue":
        faults += [
            f"conversation {idx}, turn {number}: has no cue for the counselor to read; add it, or use another face"
            for idx, number, turn in asked
            if not turn.cue
        ]
    return faults
