"""The loop of one worker where something goes wrong; whole sessions in waves are in test_session."""

import threading
from types import SimpleNamespace

import pytest

from mirror.counseling.cast import Cast
from mirror.counseling.workers.waves import EndedTurn, Waves, rooms_of_waves
from mirror.paths import input_path
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation
from tests.openai_server import PATIENCE

PROFILES = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[:1]


class BrokenClient:
    """Raises, as no client may: it must end the run at once."""

    def speak(self, conversations):
        raise ZeroDivisionError("a fault of the client")


class Desk:
    """Gives the first wave a session, and lets the second wait until it is closed."""

    def __init__(self):
        self.closed = threading.Event()

    def exchange(self, ended):
        assert ended == EndedTurn(ended.wave, (), (), {}, 1)
        if ended.wave == 0:
            return [SimpleNamespace(conversation=Conversation(PROFILES[0], (), 0))]
        assert self.closed.wait(PATIENCE), "the wave was left waiting"
        return []

    def close(self):
        self.closed.set()


def test_sessions_are_divided_evenly_and_no_wave_is_empty():
    assert [rooms_of_waves(*each) for each in ((8, 1), (8, 3), (2, 4), (1, 2))] == [[8], [3, 3, 2], [1, 1], [1]]


def test_a_fault_ends_the_waves_that_wait_for_the_desk():
    cast = Cast(BrokenClient(), None, SimpleNamespace(batch_sizes=(1,)), None, None)
    with pytest.raises(ZeroDivisionError, match="a fault of the client"):
        Waves(cast, Desk(), [1, 1], desk_is_remote=True).run()
