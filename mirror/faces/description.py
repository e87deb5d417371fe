"""Describes a client's face from what the client does and says: by a chat model, by a service, or by the lexicon.

Knows nothing of how a face is painted, or of sessions.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from mirror.chat.endpoint import is_worth_another
from mirror.chat.messages import ChatModel, Completion, Message, total
from mirror.clients.lexicon import DATA, lexicon
from mirror.files.digests import sha256
from mirror.prompts import (
    FacialExpression,
    MissingDescription,
    Utterance,
    expression_prompt,
    format_expression,
    parse_expression,
    parse_utterance,
)
from mirror.prompts.expression import TEMPLATE
from mirror.seeds import seed_for
from mirror.services.service import Service, ServiceError

ATTEMPTS = 2  # a model is asked once more where its answer cannot be read


@dataclass(frozen=True)
class DescriptionRequest:
    """What a describer reads.

    Attributes:
        history: the dialogue so far, as `Therapist: …` and `Client: …` lines; empty at first.
        client_utt: what the client does and says now, `[cue] words`, with or without `Client: `.
    """

    history: str
    client_utt: str
    seed: int = 0


class Description(BaseModel):
    """What a face shows, and what it must not show.

    Attributes:
        expression, contrast: visible features, separated by commas; a contrast may be empty in a fallback.
        response: the two labelled lines, as they were given.
        model: who said it.
        attempts: how often it was asked.
        relevance_text: what the relevance filter looks for in the face, in place of the cue; empty: the cue itself, as
            published.
        fallback: whether nothing could be read of the answers, so that the cue itself had to serve, or nothing was
            known of the cue or no cue was there, so that the face is neutral.
        rejected: the answers that could not be read.
        prompt_tokens, completion_tokens: of all answers; None where nothing was counted.
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


class LexiconDescriber:
    """Knows the words of cues; asks no model, and gives the same cue the same face.

    The face is painted by what was read of the cue, so the relevance filter looks for that, and not for the cue.
    """

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description]:
        """A description of each request, from its cue; where it has none, from what the client says to feel.

        A cue of which nothing can be read gives a neutral face, marked as a fallback.
        """
        return [self._description(parse_utterance(request.client_utt)) for request in requests]

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

    def facts(self) -> dict[str, Any]:
        return {"describer": "lexicon", "expressions": len(lexicon().entries), "sha256": sha256(DATA)}


class ChatDescriber:
    """Asks a chat model behind an endpoint for the two labelled lines."""

    KIND: ClassVar[str] = "openai"

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description | Exception]:
        """A description of each request; one that the model could not be asked for is the model's error in its place.

        An answer that cannot be read is asked for once more with another seed; after that the cue itself serves.
        """
        answers: list[list[Completion]] = [[] for _ in requests]
        results: list[Description | Exception | None] = [None] * len(requests)
        utterances = [parse_utterance(request.client_utt) for request in requests]
        for attempt in range(1, ATTEMPTS + 1):
            places = [place for place, result in enumerate(results) if result is None]
            if not places:
                break
            given = self.model.complete(
                [[Message("user", expression_prompt(requests[p].history, utterances[p]))] for p in places],
                [seed_of(requests[p].seed, attempt) for p in places],
            )
            for place, answer in zip(places, given, strict=True):
                if isinstance(answer, Exception):
                    results[place] = None if attempt < ATTEMPTS and is_worth_another(answer) else answer
                else:
                    answers[place].append(answer)
                    results[place] = self._described(utterances[place], answers[place], attempt)
        return results

    def _described(self, utterance: Utterance, answers: Sequence[Completion], attempt: int) -> Description | None:
        """What the answers up to this attempt say; None if another is worth asking for."""
        *rejected, last = answers
        try:
            face, is_fallback = parse_expression(last.text), False
        except MissingDescription:
            if attempt < ATTEMPTS:
                return None
            face, is_fallback, rejected = fallback_face(utterance), True, answers
        return Description(
            expression=face.shown,
            contrast=face.contrast,
            response=format_expression(face) if is_fallback else last.text,
            model=self.model.name if is_fallback else last.model,
            attempts=attempt,
            fallback=is_fallback,
            rejected=tuple(answer.text for answer in rejected),
            prompt_tokens=total([answer.prompt_tokens for answer in answers]),
            completion_tokens=total([answer.completion_tokens for answer in answers]),
        )

    def facts(self) -> dict[str, Any]:
        return {"describer": self.KIND, **self.model.facts(), "prompt_sha256": sha256(TEMPLATE)}


class LocalDescriber(ChatDescriber):
    """Asks a chat model in this process, `mirror.chat.local.LanguageModel`, in the same way."""

    KIND = "local"


class HttpDescriber:
    """Asks the description service, with the requests of a batch under way at the same time."""

    def __init__(self, service: Service, concurrency: int = 8) -> None:
        self.service = service
        self.concurrency = concurrency

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description | ServiceError]:
        """A description of each request; one that the service did not give is a ServiceError in its place."""
        with ThreadPoolExecutor(self.concurrency) as threads:
            return list(threads.map(self._ask, requests))

    def _ask(self, request: DescriptionRequest) -> Description | ServiceError:
        form = {"history": request.history, "client_utt": request.client_utt, "seed": request.seed}
        try:
            return self.service.read(Description, self.service.post(data=form))
        except ServiceError as error:
            return error

    def facts(self) -> dict[str, Any]:
        """What the service says of itself. Raises ServiceError where it does not answer."""
        return {"describer": "http", "url": self.service.url, "service": self.service.health()}


def seed_of(seed: int, attempt: int) -> int:
    """The seed of an attempt: the request's own at first, and then others that follow from it."""
    return seed if attempt == 1 else seed_for("description", seed, attempt)


def fallback_face(utterance: Utterance) -> FacialExpression:
    """The cue itself, with the lexicon's contrast if it knows one; without a cue what is felt, or a neutral face."""
    if not utterance.cue:
        return lexicon().felt(utterance.words) or lexicon().neutral()
    known = lexicon().face(utterance.cue)
    return FacialExpression(utterance.cue, known.contrast if known else "")
