"""Turns, and the conversation that they make up."""

from pathlib import Path

from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation
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
