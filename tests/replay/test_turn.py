"""A recorded turn: the same replies as in the run that is replayed, and faces in place of those that were shown."""

import pytest

from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path
from mirror.replay.run import Replay
from tests.replays import settings

SMALL = {
    "sessions": 2,
    "max_turns": 2,
    "attempts": 1,
    "steps": 1,
    "max_new_tokens": 8,
    "run": "source",
    "device": "cpu",
}


@pytest.mark.slow
def test_a_replay_of_the_same_counselor_says_the_same_and_a_calm_face_is_painted(output):
    configuration = input_path("params/counsel/pocket-llava.yaml")
    path = output.parent / "small.yaml"
    path.write_text(configuration.read_text(encoding="utf-8").replace("max_new_tokens: 64", "max_new_tokens: 8"))
    counsel = Counseling(CounselSettings.from_file(path, **SMALL))
    counsel.counsel()
    for face, condition in (("shown", None), ("neutral", "neutral")):
        again = Replay(settings(configuration=str(path), from_run="source", face=face, run=face))
        again.counsel()
        for profile in counsel.profiles:
            said, answered = counsel.session(profile).turns(), again.session(profile).turns()
            assert [turn.recorded_reply for turn in answered] == [turn.reply for turn in said]
            assert [turn.seen and turn.seen.condition for turn in answered] == [condition] * 2
            if face == "shown":
                assert [turn.reply for turn in answered] == [turn.reply for turn in said]
            for turn in said:
                assert again.session(profile).folder.joinpath(turn.face.file).is_file()
