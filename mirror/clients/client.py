"""The simulated clients: one played by a chat model, and a scripted one that needs no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mirror.chat.chat_error import OK, ChatError
from mirror.chat.messages import ChatModel, Completion, Message
from mirror.chat.retries import Accepted, NoneAccepted, RejectedAnswer, ask_until_valid
from mirror.clients.openness import openness_after
from mirror.clients.script import DATA, UtteranceComposer
from mirror.files.digests import sha256
from mirror.prompts import Utterance, format_utterance
from mirror.prompts.client import BEGIN, EXCHANGES, SILENCE, TEMPLATES, client_prompt, parse_answer
from mirror.seeds import seed_for
from mirror.transcripts.turn import Conversation

ATTEMPTS = 2  # a model is asked once more if its answer has no utterance


@dataclass(frozen=True)
class ClientUtterance:
    """A client's utterance with its source.

    Attributes:
        utterance: The cue and words, parsed.
        raw: The client's answer before parsing.
        prompt_tokens: The sum over all attempts; None if unknown.
        completion_tokens: The sum over all attempts; None if unknown.
    """

    utterance: Utterance
    raw: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ChatClient:
    """A client played by a chat model whose prompt holds the profile."""

    def __init__(self, model: ChatModel) -> None:
        """Initializes the client with the model that plays it."""
        self.model = model

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance | Exception]:
        """Generates the next utterance in each conversation.

        The model is asked once more if its answer has no utterance, or if a working endpoint returned no answer.

        Returns:
            One utterance per conversation; an exception in place of one that failed.
        """

        def ask(asked: Sequence[Conversation], attempt: int) -> Sequence[Completion | Exception]:
            seeds = [seed_of(conversation, attempt) for conversation in asked]
            return self.model.complete([client_messages(conversation) for conversation in asked], seeds)

        results = ask_until_valid(conversations, ask, _parse, ATTEMPTS)
        return [self._failure(one) if isinstance(one, NoneAccepted) else _utterance_of(one) for one in results]

    def _failure(self, result: NoneAccepted) -> Exception:
        if isinstance(result.last, Exception):
            return result.last
        number = len(result.attempts)
        what = f"model {self.model.name} gave no utterance of the client in {number} answers, the last one"
        hint = "use a model that follows the format 'Client: [visible cue] words'"
        return ChatError(f"{what} {result.last.text[:200]!r}; {hint}", OK, number)

    def facts(self) -> dict[str, Any]:
        """Returns the model and the digests of the prompt templates, for the record of a run."""
        prompts = {path.name: sha256(path) for path in TEMPLATES}
        return {"client": "openai", **self.model.facts(), "prompts_sha256": prompts}


class ScriptedClient:
    """A client whose lines follow from its profile, its openness and the last reply.

    Deterministic and stateless: the openness is computed anew from the conversation in every turn.
    """

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance]:
        """Composes the next utterance in each conversation."""
        utterances = map(self._utterance, conversations)
        return [ClientUtterance(utterance, format_utterance(utterance)) for utterance in utterances]

    def _utterance(self, conversation: Conversation) -> Utterance:
        openness = openness_after(conversation.profile.known_resistance, conversation.turns)
        composer = UtteranceComposer(conversation.profile, conversation.turns, seed_of(conversation))
        if not conversation.turns:
            return composer.first_cue(openness)
        if len(conversation.turns) >= EXCHANGES and openness.is_complete:
            return composer.thanks()
        if len(conversation.turns) >= EXCHANGES and openness.is_lost:
            return composer.leaving()
        return composer.line(openness)

    def facts(self) -> dict[str, Any]:
        """Returns the digest of the script, for the record of a run."""
        return {"client": "scripted", "sha256": sha256(DATA)}


def _parse(conversation: Conversation, completion: Completion) -> Utterance:
    utterance = parse_answer(completion.text, len(conversation.turns))
    if utterance is None:
        raise RejectedAnswer("no utterance of the client")
    return utterance


def _utterance_of(result: Accepted[Utterance]) -> ClientUtterance:
    attempts = result.attempts
    return ClientUtterance(result.value, result.completion.text, attempts.prompt_tokens, attempts.completion_tokens)


def client_messages(conversation: Conversation) -> list[Message]:
    """Returns the dialogue for the client's model: its utterances as the assistant's, the replies as the user's.

    After the system prompt, user and assistant messages alternate, as many servers require.
    """
    profile = conversation.profile
    system = client_prompt(profile.personal_info, profile.known_resistance, profile.distorted_thought, profile.reason)
    messages = [Message("system", system), Message("user", BEGIN)]
    for turn in conversation.turns:
        messages.append(Message("assistant", format_utterance(Utterance(turn.cue, turn.words))))
        messages.append(Message("user", turn.reply.strip() or SILENCE))
    return messages


def seed_of(conversation: Conversation, attempt: int = 1) -> int:
    """Returns the seed of an attempt at the next utterance."""
    what = ("client", conversation.profile.idx, conversation.number)
    return seed_for(conversation.seed, *what) if attempt == 1 else seed_for(conversation.seed, *what, attempt)
