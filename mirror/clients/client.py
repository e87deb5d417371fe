"""The simulated clients: one played by a chat model, and a scripted one that needs no model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mirror.chat.chat_error import OK, ChatError
from mirror.chat.messages import ChatModel, Completion, Message
from mirror.chat.retries import Accepted, NoneAccepted, RejectedAnswer, ask_until_valid
from mirror.clients.openness import Openness
from mirror.clients.script import DATA, RETURNING, UtteranceComposer
from mirror.clients.trust import DATA as STEPS
from mirror.clients.trust import TrustRule, trust_after
from mirror.files.digests import sha256
from mirror.prompts import Utterance, format_utterance
from mirror.prompts.client import (
    BEGIN,
    EXCHANGES,
    MEMORY,
    SILENCE,
    TEMPLATES,
    TRUST,
    client_prompt,
    memory_note,
    parse_answer,
    trust_note,
)
from mirror.seeds import seed_for
from mirror.transcripts.turn import Conversation, TrustRecord, Turn

ATTEMPTS = 2  # a model is asked once more if its answer has no utterance


@dataclass(frozen=True)
class ClientUtterance:
    """A client's utterance with its source.

    Attributes:
        utterance: The cue and words, parsed.
        raw: The client's answer before parsing.
        prompt_tokens: The sum over all attempts; None if unknown.
        completion_tokens: The sum over all attempts; None if unknown.
        trust: The client's trust in the counselor when it spoke; None by the published rule.
    """

    utterance: Utterance
    raw: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    trust: TrustRecord | None = None


class ChatClient:
    """A client played by a chat model whose prompt holds the profile."""

    def __init__(self, model: ChatModel, trust: TrustRule = "published", returns: bool = False) -> None:
        """Initializes the client with the model that plays it.

        Args:
            model: Plays the client.
            trust: `published`: the prompt alone says how the client resists; `persistent`: each prompt also tells the
                trust that follows from the replies so far.
            returns: Whether clients come back and remember, for the record of a run.
        """
        self.model, self.trust, self.returns = model, trust, returns

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance | Exception]:
        """Generates the next utterance in each conversation.

        The model is asked once more if its answer has no utterance, or if a working endpoint returned no answer.

        Returns:
            One utterance per conversation; an exception in place of one that failed.
        """

        def ask(asked: Sequence[Conversation], attempt: int) -> Sequence[Completion | Exception]:
            seeds = [seed_of(conversation, attempt) for conversation in asked]
            messages = [client_messages(conversation, self.trust) for conversation in asked]
            return self.model.complete(messages, seeds)

        results = ask_until_valid(conversations, ask, _parse, ATTEMPTS)
        trusts = [trust_record(conversation, self.trust) for conversation in conversations]
        return [
            self._failure(one) if isinstance(one, NoneAccepted) else _utterance_of(one, trust)
            for one, trust in zip(results, trusts, strict=True)
        ]

    def _failure(self, result: NoneAccepted) -> Exception:
        if isinstance(result.last, Exception):
            return result.last
        number = len(result.attempts)
        what = f"model {self.model.name} gave no utterance of the client in {number} answers, the last one"
        hint = "use a model that follows the format 'Client: [visible cue] words'"
        return ChatError(f"{what} {result.last.text[:200]!r}; {hint}", OK, number)

    def facts(self) -> dict[str, Any]:
        """Returns the model and the digests of the prompt templates, for the record of a run."""
        is_persistent = self.trust == "persistent"
        prompts = {path.name: sha256(path) for path in (*TEMPLATES, *([TRUST] if is_persistent else ()))}
        memory = {"memory_sha256": sha256(MEMORY)} if self.returns else {}
        return {"client": "openai", **self.model.facts(), "prompts_sha256": prompts} | memory | _trust_facts(self.trust)


class ScriptedClient:
    """A client whose lines follow from its profile, its openness and the last reply.

    Deterministic and stateless: the openness is computed anew from the conversation in every turn.
    """

    def __init__(self, trust: TrustRule = "published", returns: bool = False) -> None:
        """Initializes the client with the rule of its openness, and whether it comes back and remembers."""
        self.trust, self.returns = trust, returns

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance]:
        """Composes the next utterance in each conversation."""
        return [
            ClientUtterance(utterance, format_utterance(utterance), trust=trust_record(conversation, self.trust))
            for conversation, utterance in zip(conversations, map(self._utterance, conversations), strict=True)
        ]

    def _utterance(self, conversation: Conversation) -> Utterance:
        openness = _trust(conversation, self.trust)
        composer = UtteranceComposer(
            conversation.profile, conversation.turns, seed_of(conversation), remembered_turns(conversation)
        )
        if not conversation.turns:
            return composer.first_cue(openness)
        if len(conversation.turns) >= EXCHANGES and openness.is_complete:
            return composer.thanks()
        if len(conversation.turns) >= EXCHANGES and openness.is_lost:
            return composer.leaving()
        return composer.line(openness)

    def facts(self) -> dict[str, Any]:
        """Returns the digest of the script, for the record of a run."""
        returning = {"returning_sha256": sha256(RETURNING)} if self.returns else {}
        return {"client": "scripted", "sha256": sha256(DATA)} | returning | _trust_facts(self.trust)


def _parse(conversation: Conversation, completion: Completion) -> Utterance:
    utterance = parse_answer(completion.text, len(conversation.turns))
    if utterance is None:
        raise RejectedAnswer("no utterance of the client")
    return utterance


def _utterance_of(result: Accepted[Utterance], trust: TrustRecord | None) -> ClientUtterance:
    attempts, text = result.attempts, result.completion.text
    return ClientUtterance(result.value, text, attempts.prompt_tokens, attempts.completion_tokens, trust)


def _trust(conversation: Conversation, rule: TrustRule) -> Openness:
    return trust_after(conversation.profile.known_resistance, conversation.turns, rule, conversation.memory.sessions)


def trust_record(conversation: Conversation, rule: TrustRule) -> TrustRecord | None:
    """Returns the trust with which a client speaks next, for its turn; None by the published rule."""
    if rule == "published":
        return None
    trust = _trust(conversation, rule)
    return TrustRecord(points=trust.points, stage=trust.stage, after=trust.reaction.kind if trust.reaction else "")


def _trust_facts(rule: TrustRule) -> dict[str, Any]:
    return {} if rule == "published" else {"trust": rule, "trust_sha256": sha256(STEPS)}


def client_messages(conversation: Conversation, rule: TrustRule = "published") -> list[Message]:
    """Returns the dialogue for the client's model: its utterances as the assistant's, the replies as the user's.

    After the system prompt, user and assistant messages alternate, as many servers require. By the rule `persistent`,
    the last message ends in a note of the client's trust; earlier messages stay as they were.
    """
    profile = conversation.profile
    system = client_prompt(profile.personal_info, profile.known_resistance, profile.distorted_thought, profile.reason)
    if transcript := memory_transcript(conversation):
        system = f"{system}\n\n{memory_note(conversation.session, transcript)}"
    messages = [Message("system", system), Message("user", BEGIN)]
    for turn in conversation.turns:
        messages.append(Message("assistant", format_utterance(Utterance(turn.cue, turn.words))))
        messages.append(Message("user", turn.reply.strip() or SILENCE))
    if trust := trust_record(conversation, rule):
        note = trust_note(trust.points, trust.stage, trust.after)
        messages[-1] = replace(messages[-1], content=f"{messages[-1].content}\n\n{note}")
    return messages


def remembered_turns(conversation: Conversation) -> tuple[Turn, ...]:
    """Returns the turns of earlier sessions that a client remembers, from the oldest."""
    return tuple(turn for _, turns in conversation.memory.told for turn in turns)


def memory_transcript(conversation: Conversation) -> str:
    """Returns what a client remembers of earlier sessions, with the cues that it showed; empty if there is nothing."""
    blocks = []
    for number, turns in conversation.memory.told:
        lines = [f"Session {number}:"]
        for turn in turns:
            lines.append(format_utterance(Utterance(turn.cue, turn.words)))
            lines += [f"Counselor: {turn.reply}"] if turn.reply else []
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def seed_of(conversation: Conversation, attempt: int = 1) -> int:
    """Returns the seed of an attempt at the next utterance."""
    what = ("client", conversation.profile.idx, conversation.number)
    return seed_for(conversation.seed, *what) if attempt == 1 else seed_for(conversation.seed, *what, attempt)
