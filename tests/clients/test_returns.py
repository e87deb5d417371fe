"""Clients that come back: what is remembered, the record of a later session, and the order of sessions."""

import json
import shutil

import pytest

from mirror.clients.returns import Returns, order_faults, session_record, session_seed, turn_tokens
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SESSION, SessionFolder
from mirror.transcripts.turn import Memory, Turn

ADA = Profile("7", "Ada, 40, a cook", "none", "I am a bad cook.", "I burn the soup.", "woman", ())
TWICE = Returns(2)


def turn(number, words="", reply="", ended=False):
    return Turn(number=number, cue="nods", words=words, client_raw="", reply=reply, ended=ended)


# 16 characters of "Client: [nods] a" are 4 tokens, 8 of a reply 2
FIRST = (turn(1, "a", "12345678"), turn(2, "b", "12345678"))
SECOND = (turn(1, "c", "12345678"), turn(2, "d", ended=True))


def test_the_tokens_of_a_turn_are_those_of_its_cue_words_and_reply():
    assert [turn_tokens(one) for one in (*FIRST, *SECOND)] == [6, 6, 6, 4]


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (22, [(1, FIRST), (2, SECOND)]),
        (21, [(1, FIRST[1:]), (2, SECOND)]),
        (15, [(2, SECOND)]),
        (9, [(2, SECOND[1:])]),
        (3, []),
    ],
)
def test_the_last_turns_that_fit_are_told_and_all_are_kept(tokens, told):
    memory = Returns(3, tokens=tokens).remember([FIRST, SECOND])
    assert list(memory.told) == told and memory.sessions == (FIRST, SECOND)


def test_without_memory_nothing_is_kept():
    assert Returns(2, "none").remember([FIRST]) == Memory()
    assert [returns.are_remembered for returns in (Returns(), TWICE, Returns(2, "none"))] == [False, True, False]


def test_a_later_session_has_a_seed_of_its_own():
    seeds = [session_seed(seed, number) for seed in (0, 1) for number in (1, 2, 3)]
    assert seeds[0] == 0 and seeds[3] == 1 and len(set(seeds)) == 6


@pytest.fixture
def sessions(tmp_path):
    """A complete first session and a second one that has begun."""
    before, folder = SessionFolder(tmp_path / "7"), SessionFolder(tmp_path / "7+s2")
    before.begin(ADA)
    for one in FIRST:
        before.append(one, {}, {})
    before.end("complete", "2 turns")
    folder.begin(ADA)
    memory = Returns(2, tokens=6).remember([before.turns()])
    record = session_record(folder, before, Returns(2, tokens=6), memory)
    (folder.folder / SESSION).write_text(json.dumps(record))
    return before, folder


def test_the_record_says_what_it_follows_and_what_is_told(sessions):
    before, folder = sessions
    record = json.loads((folder.folder / SESSION).read_text())
    digest = before.ended["files"]["turns.jsonl"]["sha256"]
    assert record == {
        "client": "7",
        "session": 2,
        "follows": "7",
        "follows_sha256": digest,
        "memory": "transcript",
        "memory_tokens": 6,
        "remembered": {"turns": 2, "told": 1, "tokens": 6},
    }
    without = session_record(folder, before, Returns(2, "none"), Memory())
    assert without == {name: record[name] for name in record if name not in ("memory_tokens", "remembered")} | {
        "memory": "none"
    }


def test_a_session_whose_predecessor_is_gone_or_another_one_is_named(sessions):
    before, folder = sessions
    assert order_faults(folder, before) == []
    assert order_faults(SessionFolder(folder.folder.with_name("7+s3")), folder) == []  # has not begun
    shutil.rmtree(before.folder)
    assert "follows 7, which is not complete; restore" in order_faults(folder, before)[0]
    before.begin(ADA)
    before.append(turn(1, "another", "one"), {}, {})
    before.end("complete", "1 turns")
    assert "follows 7, which was another one then; restore" in order_faults(folder, before)[0]
    (folder.folder / SESSION).write_text("{")
    assert "session.json" in order_faults(folder, before)[0]
