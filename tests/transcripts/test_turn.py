"""Turns, and the conversation that they make up."""

from pathlib import Path

from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Memory, Turn
from tests.sessions import (
    TURNS,
)

PROFILE = Profile("7", "Anna, 34", "none", "It was my fault.", "My partner left.", "Woman", (Path("a.png"),), "Anna")


def test_a_conversation_before_its_first_turn():
    conversation = Conversation(PROFILE, (), 3)
    assert (conversation.number, conversation.dialogue, conversation.ended) == (1, (), False)


def test_a_conversation_holds_what_was_spoken():
    conversation = Conversation(PROFILE, TURNS, 3)
    assert conversation.number == 5 and conversation.ended
    assert not Conversation(PROFILE, TURNS[:3], 3).ended
    assert conversation.dialogue == (
        ("therapist", "I see that 1 weighs on you."),
        ("client", "It was my fault 2."),
        ("therapist", "I see that 2 weighs on you."),
        ("client", "It was my fault 3."),
        ("therapist", "I see that 3 weighs on you."),
        ("client", "Thank you."),
    )


def test_a_memory_tells_the_last_turns_by_session():
    one, two, three = (
        tuple(Turn(number=n, cue=f"{session}.{n}", words="", client_raw="") for n in range(1, turns + 1))
        for session, turns in ((1, 2), (2, 1), (3, 2))
    )
    sessions = (one, two, three)
    assert Memory(sessions).told == ((1, one), (2, two), (3, three))
    assert Memory(sessions, 1).told == ((1, one[1:]), (2, two), (3, three))
    assert Memory(sessions, 2).told == ((2, two), (3, three))
    assert Memory(sessions, 4).told == ((3, three[1:]),)
    assert Memory(sessions, 5).told == Memory().told == ()


def test_what_a_counselor_remembered_is_in_the_file_of_later_sessions_alone():
    turn = Turn(number=1, cue="nods", words="", client_raw="")
    assert "remembered" not in turn.model_dump_json()
    later = turn.model_copy(update={"remembered": 0})
    assert Turn.model_validate_json(later.model_dump_json()) == later
