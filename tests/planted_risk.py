"""Clients with planted risk, of every degree: a scripted one whose profile holds it, and one whose model says it."""

from mirror.chat.endpoint import ChatEndpoint
from mirror.clients.client import ChatClient, ScriptedClient
from mirror.transcripts.flags import DEGREES
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Turn
from tests.openai_server import OpenAIServer, Text

BY_DEGREE = {  # what a client says, by degree: the kind, the words that show it
    "hint": ("self harm", "I cannot see any future for me", "cannot see any future"),
    "passive": ("self harm", "At night I hope that I never wake up", "night I hope that I never wake"),
    "active": ("abuse", "My husband hits me when he is drunk", "husband hits me"),
    "plan": ("self harm", "I have been saving my pills for it", "saving my pills"),
}


def label(degree):
    """What a page says of the planted words of a degree, before the words themselves."""
    return f"⚑ client · {BY_DEGREE[degree][0]} · {DEGREES[degree]}"


def scripted_words(planted, turns=4):
    """What a scripted client says in its turns whose reason for coming and thought are the planted words."""
    profile = Profile("60", "Tess, 64", "none", planted, f"{planted}.", "Woman", ())
    return _said(ScriptedClient(), profile, turns)


def prompted_words(planted, turns=4):
    """What a client says whose model answers with the planted words."""
    with OpenAIServer(default=Text(f"Client: [looks down] {planted}.")) as server:
        with ChatEndpoint("m", server.url, api_key="k") as model:
            return _said(
                ChatClient(model), Profile("61", "Tom, 19", "emotional", "I fail.", "Debts.", "Man", ()), turns
            )


def _said(client, profile, turns):
    conversation = Conversation(profile, (), 3)
    for number in range(1, turns + 1):
        (said,) = client.speak([conversation])
        turn = Turn(
            number=number,
            cue=said.utterance.cue,
            words=said.utterance.words,
            client_raw=said.raw,
            reply=f"I hear you, {number}.",
        )
        conversation = Conversation(profile, (*conversation.turns, turn), 3)
    return [turn.words for turn in conversation.turns]
