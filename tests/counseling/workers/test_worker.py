"""What a worker hands in and takes; with models and in processes of its own it is in test_crew."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mirror.clients.returns import Returns
from mirror.counseling.outcome import Failure
from mirror.counseling.session import Session
from mirror.counseling.turn import Taken
from mirror.counseling.workers.messages import Given, Orders
from mirror.counseling.workers.waves import EndedTurn
from mirror.counseling.workers.worker import GivenSession, OutsideDesk
from mirror.faces.rejection_sampling import FaceError
from mirror.files.image_file import png
from mirror.paths import input_path
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn
from tests.loopback_counseling import loopback_settings

FOLDER = input_path("pocket/data/test_images")
PROFILES = read_profiles(input_path("pocket/data/test.csv"), FOLDER)[:2]
SENT = [replace(p, portraits=tuple(path.relative_to(FOLDER) for path in p.portraits)) for p in PROFILES]
A, B = (profile.idx for profile in PROFILES)
FIRST = Turn(number=1, cue="nods", words="", client_raw="", reply="Welcome.")
RED, BLUE = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))


@pytest.fixture(scope="module")
def settings():
    return loopback_settings("http://127.0.0.1:1/v1")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")


@pytest.fixture
def desk(settings):
    return OutsideDesk(settings, 2)


def exchanged(desk, ended, orders):
    """What a wave hands in, and the sessions that it gets for it."""
    with ThreadPoolExecutor() as pool:
        sessions = pool.submit(desk.exchange, ended)
        (hand_in,), has_ended = desk.collect()
        assert not has_ended
        desk.orders[ended.wave].put(orders)
        return hand_in, sessions.result()


@pytest.fixture
def two(desk):
    begun = EndedTurn(1, (), (), {}, 2)
    hand_in, sessions = exchanged(desk, begun, Orders(1, (), tuple(Given(profile, ()) for profile in SENT)))
    assert (hand_in.wave, hand_in.clients, hand_in.results, hand_in.room) == (1, (), (), 2)
    return sessions


def test_a_session_that_is_given_has_the_portraits_of_this_machine(two):
    assert [session.conversation.profile for session in two] == list(PROFILES)
    assert all(isinstance(path, Path) and path.is_file() for s in two for path in s.conversation.profile.portraits)


def test_a_turn_is_handed_in_with_its_pictures_as_files_and_the_session_goes_on(desk, two):
    taken = Taken(FIRST, {"faces/01-1.png": RED, "faces/01.png": RED, "faces/01-2.png": BLUE})
    error = FaceError("no face", [])
    hand_in, going_on = exchanged(desk, EndedTurn(0, two, [taken, error], {"face": 2.0}, 2), Orders(0, (A, B)))
    assert hand_in.clients == (A, B) and hand_in.seconds == {"face": 2.0}
    assert hand_in.results[1] == Failure("FaceError: no face")
    images = hand_in.results[0].images
    assert images == {"faces/01-1.png": png(RED), "faces/01.png": png(RED), "faces/01-2.png": png(BLUE)}
    assert images["faces/01.png"] is images["faces/01-1.png"]  # and so travels once
    assert [session.conversation.profile.idx for session in going_on] == [A]  # one that failed does not go on
    assert going_on[0].conversation.turns == (FIRST,)


def test_a_session_that_is_not_ordered_on_leaves(desk, two):
    taken = [Taken(FIRST, {}), Taken(FIRST, {})]
    _, going_on = exchanged(desk, EndedTurn(0, two, taken, {}, 2), Orders(0, (B,)))
    assert [session.conversation.profile.idx for session in going_on] == [B]


def test_the_end_of_the_waves_is_collected_and_so_is_their_error(desk):
    ended, failed = Future(), Future()
    ended.set_result(None)
    failed.set_exception(ZeroDivisionError("a fault"))
    desk.handed_in.put(ended)
    assert desk.collect() == ([], True)
    desk.handed_in.put(failed)
    with pytest.raises(ZeroDivisionError, match="a fault"):
        desk.collect()


def test_a_later_session_has_the_conversation_of_the_process_that_keeps_it(settings, tmp_path):
    session = Session(PROFILES[0], SessionFolder(tmp_path / A), settings.seed, 1)
    later = Session(PROFILES[0], SessionFolder(tmp_path / f"{A}+s2"), settings.seed, 1, session, Returns(2))
    session.begin()
    session.add(Taken(FIRST, {}), {}, 0)
    assert session.settle() and later.can_begin
    later.begin()
    kept = later.conversation
    given = GivenSession(Given(SENT[0], kept.turns, kept.session, kept.memory), settings)
    assert given.conversation == kept and kept.memory.sessions == ((FIRST,),) and kept.seed != settings.seed


def test_a_session_with_turns_goes_on_from_them(settings):
    assert GivenSession(Given(SENT[0], (FIRST,)), settings).conversation.number == 2
