"""Describes a client's face from what the client does and says: by a chat model, by a service, or by the lexicon.

Does not depend on how a face is painted, or on sessions.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from mirror.chat.messages import ChatModel, Completion, Message
from mirror.chat.retries import Accepted, NoneAccepted, RejectedAnswer, ask_until_valid
from mirror.clients.lexicon import DATA, lexicon
from mirror.files.digests import sha256
from mirror.prompts import (
    EXPRESSION_TEMPLATE,
    FacialExpression,
    MissingDescription,
    Utterance,
    expression_prompt,
    format_expression,
    format_utterance,
    parse_expression,
    parse_utterance,
)
from mirror.seeds import seed_for
from mirror.services.service import Service, ServiceError

ATTEMPTS = 2  # a model is asked a second time if its first answer cannot be parsed


@dataclass(frozen=True)
class DescriptionRequest:
    """What a describer reads.

    Attributes:
        history: the dialogue so far, as `Therapist: …` and `Client: …` lines; empty at first.
        utterance: what the client does and says now.
        seed: of the model's sampling.
    """

    history: str
    utterance: Utterance
    seed: int = 0

    @classmethod
    def from_text(cls, history: str, client_utt: str, seed: int = 0) -> "DescriptionRequest":
        """The request of the service's form; `client_utt` is `[cue] words`, with or without `Client: `."""
        return cls(history, parse_utterance(client_utt), seed)

    def to_form(self) -> dict[str, str | int]:
        """The fields of the service's form; `from_text` reads them back."""
        return {"history": self.history, "client_utt": format_utterance(self.utterance), "seed": self.seed}


class Description(BaseModel):
    """What a face shows, and what it must not show.

    Attributes:
        expression: visible features, separated by commas.
        contrast: features that must not show, in the same form; may be empty in a fallback.
        response: the two labeled lines, as the model gave them.
        model: the name of the model that answered, or `lexicon`.
        attempts: how often the model was asked.
        relevance_text: what the relevance filter compares the face with instead of the cue; empty: the cue itself, as
            published.
        fallback: whether the cue itself or a neutral face is used, because no answer could be parsed, the cue is
            unknown, or there is none.
        rejected: the answers that could not be parsed.
        prompt_tokens: of all answers; None where nothing was counted.
        completion_tokens: of all answers; None where nothing was counted.
    """

    model_config = ConfigDict(frozen=True)

    expression: str
    contrast: str
    response: str
    model: str
    attempts: int = 1
    relevance_text: str = ""
    fallback: bool = False
    rejected: tuple[str, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Describer(Protocol):
    """Anything that describes faces."""

    def describe(self, requests: Sequence[DescriptionRequest]) -> Sequence[Description | Exception]:
        """One description per request, in order; an exception in place of one that failed."""
        ...

    def warm_up(self, requests: int) -> None:
        """Compile what up to so many requests at a time will need; without it, that is done then."""
        ...

    def facts(self) -> dict[str, Any]:
        """The describer and its settings, for the record of a run."""
        ...


class LexiconDescriber:
    """Looks cues up in the lexicon. Asks no model, and gives the same cue the same face.

    The face is painted from what was read of the cue, so the relevance filter compares it with that, not with the cue.
    """

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description]:
        """One description per request, from its cue; without a cue, from the feeling that the client's words name.

        A cue that is not in the lexicon gives a neutral face, marked as a fallback.
        """
        return [self._description(request.utterance) for request in requests]

    def _description(self, utterance: Utterance) -> Description:
        found = lexicon().face(utterance.cue) if utterance.cue else lexicon().felt(utterance.words)
        face = found or lexicon().neutral()
        return Description(
            expression=face.shown,
            contrast=face.contrast,
            response=format_expression(face),
            model="lexicon",
            relevance_text=face.look,
            fallback=found is None,
        )

    def warm_up(self, requests: int) -> None:
        """There is nothing to compile."""

    def facts(self) -> dict[str, Any]:
        """The size and the SHA-256 of the lexicon, for the record of a run."""
        return {"describer": "lexicon", "expressions": len(lexicon().entries), "sha256": sha256(DATA)}


class ChatDescriber:
    """Asks a chat model behind an endpoint for the two labeled lines."""

    KIND: ClassVar[str] = "openai"

    def __init__(self, model: ChatModel) -> None:
        """Uses `model` for every request."""
        self.model = model

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description | Exception]:
        """One description per request, in order; the model's exception in place of one that it gave no answer to.

        An answer that cannot be parsed is asked for once more with another seed; after that the cue itself is used.
        """
        results = ask_until_valid(requests, self._ask, _parsed, ATTEMPTS)
        return [self._result(request, result) for request, result in zip(requests, results, strict=True)]

    def _ask(self, requests: Sequence[DescriptionRequest], attempt: int) -> Sequence[Completion | Exception]:
        prompts = [expression_prompt(request.history, request.utterance) for request in requests]
        seeds = [seed_of(request.seed, attempt) for request in requests]
        return self.model.complete([[Message("user", prompt)] for prompt in prompts], seeds)

    def _result(
        self, request: DescriptionRequest, result: Accepted[FacialExpression] | NoneAccepted
    ) -> Description | Exception:
        if isinstance(result, NoneAccepted) and isinstance(result.last, Exception):
            return result.last
        if isinstance(result, NoneAccepted):
            face = fallback_face(request.utterance)
            response, model = format_expression(face), self.model.name
        else:
            face, response, model = result.value, result.completion.text, result.completion.model
        return Description(
            expression=face.shown,
            contrast=face.contrast,
            response=response,
            model=model,
            attempts=len(result.attempts),
            fallback=isinstance(result, NoneAccepted),
            rejected=result.rejected,
            prompt_tokens=result.attempts.prompt_tokens,
            completion_tokens=result.attempts.completion_tokens,
        )

    def warm_up(self, requests: int) -> None:
        """See `Describer.warm_up`."""
        self.model.warm_up(requests)

    def facts(self) -> dict[str, Any]:
        """The model, its sampling and the SHA-256 of the prompt, for the record of a run."""
        return {"describer": self.KIND, **self.model.facts(), "prompt_sha256": sha256(EXPRESSION_TEMPLATE)}


class LocalDescriber(ChatDescriber):
    """Asks a chat model in this process, `mirror.chat.local.LanguageModel`, in the same way."""

    KIND = "local"


class HttpDescriber:
    """Asks the description service; the requests of a batch are sent concurrently."""

    def __init__(self, service: Service, concurrency: int = 8) -> None:
        """Sends at most `concurrency` requests at a time."""
        self.service = service
        self.concurrency = concurrency

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description | ServiceError]:
        """One description per request, in order; a ServiceError in place of one that the service did not give."""
        with ThreadPoolExecutor(self.concurrency) as threads:
            return list(threads.map(self._ask, requests))

    def _ask(self, request: DescriptionRequest) -> Description | ServiceError:
        try:
            return self.service.read(Description, self.service.post(data=request.to_form()))
        except ServiceError as error:
            return error

    def warm_up(self, requests: int) -> None:
        """There is nothing to compile here."""

    def facts(self) -> dict[str, Any]:
        """What the service reports about itself. Raises ServiceError if it does not answer."""
        return {"describer": "http", "url": self.service.url, "service": self.service.health()}


def seed_of(seed: int, attempt: int) -> int:
    """The seed of an attempt: the request's own for the first, and seeds derived from it for the others."""
    return seed if attempt == 1 else seed_for("description", seed, attempt)


def fallback_face(utterance: Utterance) -> FacialExpression:
    """The cue itself, with the lexicon's contrast if known; without a cue the feeling in the words, or neutral."""
    if not utterance.cue:
        return lexicon().felt(utterance.words) or lexicon().neutral()
    known = lexicon().face(utterance.cue)
    return FacialExpression(utterance.cue, known.contrast if known else "")


def _parsed(_: DescriptionRequest, answer: Completion) -> FacialExpression:
    try:
        return parse_expression(answer.text)
    except MissingDescription as error:
        raise RejectedAnswer(str(error)) from error
