"""A run of counsel.ipynb as recorded conversations."""

import logging

import pytest

from mirror.replay.own_run import read_run, run_faults
from mirror.replay.recording import RecordingError
from tests.donors import write_donors, write_settings
from tests.sessions import CLIENT


@pytest.fixture
def run(tmp_path):
    return write_donors(tmp_path / "shown")


def test_complete_sessions_are_recordings_with_the_faces_that_were_shown(run, caplog):
    with caplog.at_level(logging.WARNING):
        found = read_run(run)
    assert [one.profile.idx for one in found] == ["1", "2", "3"] and "not replayed: ['4']" in caplog.text
    one = found[0]
    assert one.profile.personal_info == CLIENT.personal_info and one.profile.portraits == CLIENT.portraits
    assert [turn.ended for turn in one.turns] == [False, False, False, True] and one.opening == ""
    assert one.turns[1].picture == run / "sessions/1/faces/02.png" and one.turns[3].picture is None
    assert (one.turns[1].words, one.turns[1].reply) == ("It was my fault 2.", "I see that 2 weighs on you.")


def test_damage_is_refused(run):
    (run / "sessions/2/faces/02.png").unlink()
    with pytest.raises(RecordingError, match="sessions/2/faces/02.png"):
        read_run(run)


def test_a_run_without_a_complete_session_is_refused(run):
    for idx in "123":
        (run / f"sessions/{idx}/end.json").unlink()
    with pytest.raises(RecordingError, match="has no complete session"):
        read_run(run)


def test_a_replay_is_not_replayed(run, tmp_path):
    assert run_faults(run) == []
    write_settings(run, client="recorded", from_run="pocket-base")
    assert run_faults(run) == ["shown is itself a replay, of pocket-base; name a run of counsel.ipynb"]
    assert "no such folder" in run_faults(tmp_path / "none")[0]


def test_each_session_of_a_client_is_a_conversation_of_its_own(run):
    (run / "sessions/2").rename(run / "sessions/1+s2")
    (run / "sessions/1+s2/session.json").write_text("{}")
    assert [one.profile.idx for one in read_run(run)] == ["1", "1+s2", "3"]
