"""What turns have cost, read from disk: of sessions that go on, too, and without what is damaged."""

import pytest

from mirror.chat.prices import Price
from mirror.counseling.spending.spent import Spent, dollars, priced_roles, read_spent, token_names, tokens_of
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn
from tests.loopback_counseling import loopback_settings

TOKENS = {"client_prompt": 1000, "client_completion": 100, "counselor_prompt": 7}


def write(folder, *elapsed):
    session = SessionFolder(folder)
    for number, seconds in enumerate(elapsed, 1):
        turn = Turn(number=number, cue="", words="", client_raw="", tokens=TOKENS)
        session.append(turn, {}, {"client": 1.0, "face": 0.5}, seconds)
    return session


def test_every_turn_on_disk_counts_with_its_share_of_the_time(tmp_path):
    sessions = [write(tmp_path / "1", 0.25, 0.5), write(tmp_path / "2", 2.0), SessionFolder(tmp_path / "3")]
    sessions[1].end("failed", "no answer")
    assert read_spent(sessions) == Spent({name: 3 * count for name, count in TOKENS.items()}, 2.75)


def test_a_transcript_without_shares_counts_its_stages(tmp_path):
    assert read_spent([write(tmp_path / "1", None)]).seconds == 1.5


def test_a_turn_whose_times_a_kill_took_counts_without_them(tmp_path):
    session = write(tmp_path / "1", 0.25, 0.5)
    timings = session.folder / "timings.jsonl"
    timings.write_bytes(timings.read_bytes().split(b"\n")[0] + b"\n")
    assert read_spent([session]) == Spent({name: 2 * count for name, count in TOKENS.items()}, 0.25)


def test_a_damaged_session_is_left_to_the_run_to_report(tmp_path):
    session, other = write(tmp_path / "1", 1.0), write(tmp_path / "2", 1.0)
    (session.folder / "turns.jsonl").write_text("{}\n")
    assert read_spent([session, other]) == Spent(dict(TOKENS), 1.0)


def test_dollars_are_of_the_roles_that_have_a_price():
    prices = {"client": Price(2, 10)}
    assert dollars(prices, TOKENS) == pytest.approx(0.003)
    assert dollars(prices | {"counselor": Price(1e6, 1)}, TOKENS) == pytest.approx(7.003)
    assert dollars({}, TOKENS) == 0
    assert (tokens_of(("client",), TOKENS), tokens_of(("client", "counselor"), TOKENS)) == (1100, 1107)
    assert token_names("client") == (("client_prompt", "read"), ("client_completion", "written"))


def test_roles_have_the_price_of_their_model():
    chat = {"counselor": "llava", "counselor_model": "", "counselor_url": "", "prices": "c 1/2"}
    assert priced_roles(loopback_settings("http://127.0.0.1:9/v1", **chat)) == {"client": Price(1, 2)}
    both = loopback_settings("http://127.0.0.1:9/v1", counselor_model="c", prices="c 1/2")
    assert priced_roles(both) == {"client": Price(1, 2), "counselor": Price(1, 2)}
