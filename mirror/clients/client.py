"""The clients: one that a chat model plays, and a scripted one that needs no model.

Knows nothing of faces, or of where a session is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mirror.chat.endpoint import OK, ChatError, is_worth_another
from mirror.chat.messages import ChatModel, Completion, Message, total
from mirror.clients.openness import mood_after
from mirror.clients.script import DATA, Speaker
from mirror.files.digests import sha256
from mirror.prompts import Utterance, format_utterance
from mirror.prompts.client import BEGIN, EXCHANGES, SILENCE, TEMPLATES, client_prompt, parse_answer
from mirror.seeds import seed_for
from mirror.transcripts.turn import Conversation

ATTEMPTS = 2  # a model is asked once more where its answer holds no utterance


@dataclass(frozen=True)
class Said:
    """What a client has said.

    Attributes:
        utterance: as it counts.
        raw: as the client gave it, with all that does not count.
        prompt_tokens, completion_tokens: of all attempts; None where nothing was counted.
    """

    utterance: Utterance
    raw: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ChatClient:
    """A client that a chat model plays, from a prompt that holds the profile."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    def speak(self, conversations: Sequence[Conversation]) -> list[Said | Exception]:
        """The next utterance in each conversation; one that the model did not give is an exception in its place.

        An answer without an utterance, or none at all from an endpoint that is well, is asked for once more.
        """
        messages = [client_messages(conversation) for conversation in conversations]
        answers: list[list[Completion | Exception]] = [[] for _ in conversations]
        results: list[Said | Exception | None] = [None] * len(conversations)
        for attempt in range(1, ATTEMPTS + 1):
            places = [place for place, result in enumerate(results) if result is None]
            if not places:
                break
            seeds = [seed_of(conversations[place], attempt) for place in places]
            given = self.model.complete([messages[place] for place in places], seeds)
            for place, answer in zip(places, given, strict=True):
                answers[place].append(answer)
                results[place] = self._result(conversations[place], answers[place])
        return [result or self._unusable(given) for result, given in zip(results, answers, strict=True)]

    def _result(self, conversation: Conversation, answers: Sequence[Completion | Exception]) -> Said | Exception | None:
        """What the last of the answers is worth; None if another is worth asking for."""
        answer = answers[-1]
        if isinstance(answer, Exception):
            return None if is_worth_another(answer) else answer
        utterance = parse_answer(answer.text, len(conversation.turns))
        if utterance is None:
            return None
        given = [one for one in answers if isinstance(one, Completion)]
        return Said(
            utterance,
            answer.text,
            total([one.prompt_tokens for one in given]),
            total([one.completion_tokens for one in given]),
        )

    def _unusable(self, answers: Sequence[Completion | Exception]) -> Exception:
        last = answers[-1]
        if isinstance(last, Exception):
            return last
        what = f"model {self.model.name} gave no utterance of the client in {len(answers)} answers, the last one"
        hint = "use a model that keeps to the form 'Client: [visible cue] words'"
        return ChatError(f"{what} {last.text[:200]!r}; {hint}", OK, len(answers))

    def facts(self) -> dict[str, Any]:
        prompts = {path.name: sha256(path) for path in TEMPLATES}
        return {"client": "openai", **self.model.facts(), "prompts_sha256": prompts}


class ScriptedClient:
    """A client whose profile, mood and last reply choose its lines; the same conversation gives the same words.

    Nothing is kept between turns: the mood is worked out anew from the conversation.
    """

    def speak(self, conversations: Sequence[Conversation]) -> list[Said]:
        """The next utterance in each conversation."""
        utterances = map(self._utterance, conversations)
        return [Said(utterance, format_utterance(utterance)) for utterance in utterances]

    def _utterance(self, conversation: Conversation) -> Utterance:
        mood = mood_after(conversation.profile.resistance, conversation.turns)
        speaker = Speaker(conversation.profile, conversation.turns, seed_of(conversation))
        if not conversation.turns:
            return speaker.first_cue(mood)
        if len(conversation.turns) >= EXCHANGES and mood.is_reached:
            return speaker.thanks()
        if len(conversation.turns) >= EXCHANGES and mood.is_lost:
            return speaker.leaving()
        return speaker.line(mood)

    def facts(self) -> dict[str, Any]:
        return {"client": "scripted", "sha256": sha256(DATA)}


def client_messages(conversation: Conversation) -> list[Message]:
    """The dialogue as the client's model sees it: its own utterances with their cues, the replies as the user's.

    After the system prompt, user and assistant take turns, as many servers demand.
    """
    profile = conversation.profile
    system = client_prompt(profile.personal_info, profile.resistance, profile.distorted_thought, profile.reason)
    messages = [Message("system", system), Message("user", BEGIN)]
    for turn in conversation.turns:
        messages.append(Message("assistant", format_utterance(Utterance(turn.cue, turn.words))))
        messages.append(Message("user", turn.reply.strip() or SILENCE))
    return messages


def seed_of(conversation: Conversation, attempt: int = 1) -> int:
    """The seed of an attempt at the utterance to come."""
    what = ("client", conversation.profile.idx, conversation.number)
    return seed_for(conversation.seed, *what) if attempt == 1 else seed_for(conversation.seed, *what, attempt)
