"""A judge: a chat model that rates a session by an instrument, or decides which of two sessions was better.

It sees what the instrument lets it see, and never the name of a run, an arm or a counselor.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from mirror.chat.chat_error import ChatError, is_worth_another
from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.messages import Completion, Message
from mirror.chat.retries import Accepted, RejectedAnswer, ask_until_valid
from mirror.files.digests import sha256
from mirror.files.image_file import PictureError, open_picture
from mirror.rating.answer import Unparsable, read_answer
from mirror.rating.instrument import Instrument
from mirror.rating.prompts import CHOICES, TEMPLATES, answer_schema, preference_prompt, rating_prompt, system_prompt
from mirror.rating.ratings import Status
from mirror.seeds import seed_for
from mirror.transcripts.turn import Turn

Structured = Literal["schema", "object", "text"]
REFUSALS = (400, 401, 403, 404, 422)  # statuses with which an endpoint will refuse every further question


@dataclass(frozen=True)
class Case:
    """What a judge rates in one question.

    Attributes:
        instrument: The items and the scale.
        sessions: The turns of one session, or of two to choose between. For the rating of a client's turn, the turns up
            to it, the last one without its reply.
        turn: The number of the rated turn; None if the session is rated as a whole.
        faces: The files of the painted faces of each session, in order; empty if the judge sees none.
    """

    instrument: Instrument
    sessions: tuple[tuple[Turn, ...], ...]
    turn: int | None = None
    faces: tuple[tuple[Path, ...], ...] = ()

    @property
    def is_pair(self) -> bool:
        """Whether the judge chooses between two sessions."""
        return len(self.sessions) == 2

    @property
    def choices(self) -> dict[str, tuple[int | str, ...]]:
        """The valid values by item."""
        values = CHOICES if self.is_pair else self.instrument.scale.values
        return {item.id: values for item in self.instrument.items}

    @property
    def prompt(self) -> str:
        """The question in words."""
        if self.is_pair:
            first, second = self.sessions
            return preference_prompt(self.instrument, first, second, faces=bool(self.faces))
        return rating_prompt(self.instrument, self.sessions[0], faces=bool(self.faces))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the prompt and the images."""
        images = [sha256(path) for paths in self.faces for path in paths]
        return hashlib.sha256(json.dumps([self.prompt, images]).encode()).hexdigest()


@dataclass(frozen=True)
class Judgment:
    """A judge's answer to one question.

    Attributes:
        status: `rated`; `unparsable` if no answer was in the requested format; `failed` if there was no answer.
        scores: By item; all None if the status is not `rated`.
        reason: The judge's reason, or why there is no rating.
        raw: The answer as received, or the error.
        attempts: How often the question was asked.
        prompt_tokens: The sum over all attempts; None if unknown.
        completion_tokens: The sum over all attempts; None if unknown.
        model: The model's name as the endpoint reports it.
        refused: Whether the endpoint will refuse every further question, too.
        question_fault: `too long`, `filtered` or `no form` if only this question was refused; else empty.
    """

    status: Status
    scores: Mapping[str, int | str | None]
    reason: str
    raw: str
    attempts: int = 1
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    refused: bool = False
    question_fault: str = ""


class Judge(Protocol):
    """A rater of sessions; every rating records its `name`."""

    @property
    def name(self) -> str:
        """The name in the records."""
        ...

    def answer(self, case: Case, seed: int) -> Judgment:
        """Answers one question."""
        ...

    def asked(self, case: Case, seed: int) -> str:
        """Returns a digest of everything that determines the answer, so that no question is asked twice."""
        ...

    def facts(self) -> dict[str, Any]:
        """Describes the judge for the record; `left_out` holds the parameters that its server rejected."""
        ...


class ChatJudge:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, model: ChatEndpoint, structured: Structured, attempts: int, sees_faces: bool) -> None:
        """Initializes the judge.

        Args:
            model: The endpoint.
            structured: How the format of answers is enforced: by a JSON `schema`, by the demand for a JSON `object`, or
                by the prompt alone (`text`). Servers differ in what they support.
            attempts: How often a question is asked before its answer counts as unparsable.
            sees_faces: Whether the judge sees faces, which becomes part of its name.
        """
        self.model, self.structured, self.attempts = model, structured, attempts
        self.name = model.name + " with faces" * sees_faces

    def answer(self, case: Case, seed: int) -> Judgment:
        """Asks until an answer is in the requested format, at most `attempts` times."""
        try:
            messages, form = self._messages(case), self._form(case)
        except PictureError as error:  # a damaged face concerns this question alone
            return Judgment("failed", dict.fromkeys(case.choices), "no answer", str(error), 0)

        def ask(_: Sequence[Case], attempt: int) -> Sequence[Completion | Exception]:
            return self.model.complete([messages], [seed_for(seed, attempt)], form)

        (result,) = ask_until_valid([case], ask, _parse, self.attempts, _is_retryable)
        number, tokens = len(result.attempts), (result.attempts.prompt_tokens, result.attempts.completion_tokens)
        if isinstance(result, Accepted):
            scores, reason = result.value
            return Judgment("rated", scores, reason, result.completion.text, number, *tokens, result.completion.model)
        last, nothing = result.last, dict.fromkeys(case.choices)
        if isinstance(last, ChatError) and not last.refused:  # no text is no answer: the next start asks again
            return _failed(case, last, number)
        completions = result.attempts.completions
        model = completions[-1].model if completions else ""
        if isinstance(last, Completion):
            return Judgment("unparsable", nothing, str(result), last.text, number, *tokens, model)
        return Judgment("unparsable", nothing, "no text", str(last), number, *tokens, model)

    def asked(self, case: Case, seed: int) -> str:
        """Returns a digest of the question, the model, its sampling and the seed."""
        how = [self.model.name, self.model.sampling, self.structured, self.attempts, system_prompt(), seed]
        return hashlib.sha256(json.dumps([case.digest, *how]).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Describes the model, its sampling and the prompt templates."""
        prompts = {path.name: sha256(path) for path in TEMPLATES}
        own = {"structured": self.structured, "attempts": self.attempts, "prompts_sha256": prompts}
        return {"judge": "openai", "name": self.name, **self.model.facts(), **own}

    def _messages(self, case: Case) -> list[Message]:
        images = tuple(open_picture(path) for paths in case.faces for path in paths)
        return [Message("system", system_prompt()), Message("user", case.prompt, images)]

    def _form(self, case: Case) -> dict[str, Any] | None:
        if self.structured == "text":
            return None
        if self.structured == "object":
            return {"type": "json_object"}
        schema = {"name": case.instrument.name, "strict": True, "schema": answer_schema(case.choices)}
        return {"type": "json_schema", "json_schema": schema}


def _failed(case: Case, error: ChatError, attempt: int) -> Judgment:
    refused = error.status in REFUSALS and not error.conversation_fault
    nothing = dict.fromkeys(case.choices)
    fault = error.conversation_fault
    return Judgment("failed", nothing, "no answer", str(error), attempt, refused=refused, question_fault=fault)


def _parse(case: Case, completion: Completion) -> tuple[dict[str, int | str], str]:
    try:
        return read_answer(completion.text, case.choices)
    except Unparsable as error:
        cut = " (cut off; raise max_tokens)" if completion.finish_reason == "length" else ""
        raise RejectedAnswer(f"{error}{cut}") from None


def _is_retryable(error: Exception) -> bool:
    """A garbled response that the endpoint has already retried, with pauses, is not requested again."""
    return is_worth_another(error) and not (isinstance(error, ChatError) and error.garbled and error.tries > 1)
