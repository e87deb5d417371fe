"""The counselor: sees a face, reads the words, never the cue; captions and plans where its variant says so.

One protocol for every arm: who speaks is passed in (`mirror.speaker`). Knows nothing of painting, files or models.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from mirror.chat import is_worth_another
from mirror.messages import Completion
from mirror.prompts import Plan, PromptSet, Utterance, Variant, format_dialogue, format_steps, parse_plan
from mirror.run import seed_for
from mirror.speaker import Speaker
from mirror.transcript import Conversation

CONTEXT = 16  # utterances of the dialogue that the counselor reads, as published
ATTEMPTS = 2  # an answer that cannot be used is asked for once more, with another seed
_LABEL = re.compile(r"\A[\W_]*(?:therapist|counsell?or|assistant)[\s*_]*:[\s*_]*", re.IGNORECASE)
_OTHERS = re.compile(r"^[ \t*_]*(?:client|user|human)[ \t*_]*:", re.IGNORECASE | re.MULTILINE)


class CounselorError(RuntimeError):
    """The counselor gave no reply that can be said to a client."""


class TooLong(ValueError):
    """Even without any dialogue a prompt leaves the model no room to answer."""


@dataclass(frozen=True)
class CounselorRequest:
    """What the counselor is to answer: the session so far, the client's words of this turn, and the face."""

    conversation: Conversation
    utterance: Utterance
    face: Image.Image

    @property
    def dialogue(self) -> tuple[tuple[str, str], ...]:
        """(role, words) of what was said, this turn included; a silent client says nothing."""
        spoken = (("client", self.utterance.words),) if self.utterance.words else ()
        return self.conversation.dialogue + spoken

    @property
    def has_spoken(self) -> bool:
        """Whether the client has said anything so far; before that there is nothing to plan on."""
        return any(role == "client" for role, _ in self.dialogue)

    def seed(self, kind: str, attempt: int) -> int:
        conversation = self.conversation
        return seed_for(conversation.seed, "counselor", kind, conversation.profile.idx, conversation.number, attempt)


@dataclass(frozen=True)
class Reply:
    """What the counselor did in one turn.

    Attributes:
        words: what the client hears.
        caption: the face in words; empty without EC.
        technique, plan: of the session; empty without planning, or before there is a plan.
        raw: the answers as the model gave them, by kind of prompt.
        dropped_utterances: the oldest ones, beyond the context or the model's room.
        prompt_tokens, completion_tokens: of all answers together.
    """

    words: str = ""
    caption: str = ""
    technique: str = ""
    plan: tuple[str, ...] = ()
    raw: dict[str, str] = field(default_factory=dict)
    dropped_utterances: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def after(self, kind: str, answer: Completion, **found: Any) -> "Reply":
        """With one more answer of the model."""
        return replace(
            self,
            raw=self.raw | {kind: answer.text},
            prompt_tokens=self.prompt_tokens + (answer.prompt_tokens or 0),
            completion_tokens=self.completion_tokens + (answer.completion_tokens or 0),
            **found,
        )


class Counselor:
    """A speaker with its prompts and its variant."""

    def __init__(self, speaker: Speaker, prompts: PromptSet, variant: Variant, context: int = CONTEXT) -> None:
        self.speaker, self.prompts, self.variant, self.context = speaker, prompts, variant, context

    def facts(self) -> dict[str, Any]:
        return {
            "counselor": self.speaker.facts(),
            "cot": self.variant.name,
            "context": self.context,
            "prompts": self.prompts.to_json(),
        }

    def reply(self, requests: Sequence[CounselorRequest]) -> list[Reply | Exception]:
        """A reply a request, in order: caption, then plan (once a session), then the words."""
        states: list[Reply | Exception] = [_begun(request) for request in requests]
        if self.variant.ec:
            self._step(requests, states, "emotion_recognition", self._caption_fields, _captioned)
        if self.variant.planning:
            self._step(requests, states, "planning", self._planning_fields, _planned)
        self._step(requests, states, "response", self._response_fields, _replied)
        return states

    def _step(self, requests, states, kind, fields_of, take) -> None:
        """Asks for one kind of answer wherever it is due, and once more where it cannot be used."""
        for attempt in range(1, ATTEMPTS + 1):
            due = [
                place
                for place, state in enumerate(states)
                if isinstance(state, Reply) and _is_due(kind, requests[place], state)
            ]
            prompts = {}
            for place in due:
                try:
                    prompts[place], states[place] = self._prompt(kind, requests[place], states[place], fields_of)
                except TooLong as error:
                    states[place] = error
            if not prompts:
                return
            answers = self.speaker.answer(
                list(prompts.values()),
                [requests[place].face for place in prompts],
                [requests[place].seed(kind, attempt) for place in prompts],
            )
            for place, answer in zip(prompts, answers, strict=True):
                if not isinstance(answer, Exception):
                    states[place] = take(states[place], answer, attempt)
                elif attempt == ATTEMPTS or not is_worth_another(answer):
                    states[place] = answer

    def _prompt(self, kind: str, request: CounselorRequest, state: Reply, fields_of) -> tuple[str, Reply]:
        """The prompt, with as much of the dialogue as the context and the model's room allow."""
        dialogue = request.dialogue
        first = max(0, len(dialogue) - self.context)
        for dropped in range(first, len(dialogue) + 1):
            prompt = self.prompts.render(kind, **fields_of(request, state, dialogue[dropped:]))
            if self.speaker.fits(prompt):
                return prompt, replace(state, dropped_utterances=dropped)
        raise TooLong(
            f"the {kind} prompt leaves no room to answer, even without the dialogue: {len(prompt)} characters"
        )

    def _caption_fields(self, request: CounselorRequest, state: Reply, dialogue) -> dict[str, str]:
        return {}

    def _planning_fields(self, request: CounselorRequest, state: Reply, dialogue) -> dict[str, str]:
        profile = request.conversation.profile
        return {
            "personal_information": profile.personal_info,
            "reason_for_counseling": profile.reason,
            "dialogue": format_dialogue(dialogue),
        }

    def _response_fields(self, request: CounselorRequest, state: Reply, dialogue) -> dict[str, str]:
        fields = self._planning_fields(request, state, dialogue)
        if self.variant.ec:
            fields["client_emotional_state"] = state.caption
        if self.variant.planning:
            fields |= {"technique": state.technique, "plan": format_steps(state.plan)}
        return fields


def _begun(request: CounselorRequest) -> Reply:
    """A reply that keeps the session's plan, if it has one."""
    planned = next((turn for turn in reversed(request.conversation.turns) if turn.plan), None)
    return Reply(technique=planned.technique, plan=planned.plan) if planned else Reply()


def _is_due(kind: str, request: CounselorRequest, state: Reply) -> bool:
    if kind == "planning":
        return request.has_spoken and not state.plan
    done = state.caption if kind == "emotion_recognition" else state.words
    return not done


def _captioned(state: Reply, answer: Completion, attempt: int) -> Reply | Exception:
    caption = " ".join(answer.text.split())
    if not caption and attempt == ATTEMPTS:
        return CounselorError("the counselor gave an empty caption of the face twice")
    return state.after("emotion_recognition", answer, caption=caption)


def _planned(state: Reply, answer: Completion, attempt: int) -> Reply:
    """The plan; without one that can be read, this turn goes on without, and the next asks again."""
    try:
        plan: Plan = parse_plan(answer.text)
    except ValueError:
        return state.after("planning", answer)
    return state.after("planning", answer, technique=plan.technique, plan=plan.steps)


def _replied(state: Reply, answer: Completion, attempt: int) -> Reply | Exception:
    words = clean_reply(answer.text)
    if not words and attempt == ATTEMPTS:
        return CounselorError(f"the counselor gave an empty reply twice, at last {answer.text[:200]!r}")
    return state.after("response", answer, words=words)


def clean_reply(text: str) -> str:
    """What is said to the client: without a label, on one line, and not the client's own lines that follow it.

    No sentence of the counselor's is lost, a last one that was cut off neither.
    """
    text = _LABEL.sub("", text)
    client = _OTHERS.search(text)
    return " ".join((text[: client.start()] if client else text).split())
