"""A judge: a chat model that rates a session by an instrument, or says which of two sessions was better.

It sees what the instrument lets it see, and never a run's, an arm's or a counselor's name. Knows nothing of runs.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from mirror.chat.endpoint import ChatEndpoint, ChatError, is_worth_another
from mirror.chat.messages import Message, total
from mirror.files.digests import sha256
from mirror.files.image_file import PictureError, open_picture
from mirror.files.text_file import replace_lone_surrogates
from mirror.rating.instrument import Instrument
from mirror.rating.prompts import CHOICES, TEMPLATES, answer_schema, preference_prompt, rating_prompt, system_prompt
from mirror.rating.ratings import Status
from mirror.seeds import seed_for
from mirror.transcripts.turn import Turn

Structured = Literal["schema", "object", "text"]
REFUSALS = (400, 401, 403, 404, 422)  # what an endpoint refuses this way it will refuse again
READINGS = 20  # how often the text of an answer may be gone through at the most, however it is made
BROKEN = 100  # objects that begin and do not end, after which an answer is read no further
_START = re.compile(r"\{\s*[\"}]")
_NUMBER = re.compile(r"\s*-?\d{1,6}\s*", re.ASCII)


@dataclass(frozen=True)
class Case:
    """What is to be judged.

    Attributes:
        sessions: the turns of one session, or of two to choose between; of a client's turn, those up to it, the last
            without its reply.
        turn: the number of the turn that is rated; None for a session as a whole.
        faces: the painted faces of each session, in order; empty where the judge sees none.
    """

    instrument: Instrument
    sessions: tuple[tuple[Turn, ...], ...]
    turn: int | None = None
    faces: tuple[tuple[Path, ...], ...] = ()

    @property
    def choices(self) -> dict[str, tuple[int | str, ...]]:
        """The values that each item may have."""
        values = CHOICES if len(self.sessions) == 2 else self.instrument.scale.values
        return {item.id: values for item in self.instrument.items}

    @property
    def prompt(self) -> str:
        ask = preference_prompt if len(self.sessions) == 2 else rating_prompt
        return ask(self.instrument, *self.sessions, faces=bool(self.faces))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the prompt and the pictures."""
        pictures = [sha256(path) for paths in self.faces for path in paths]
        return hashlib.sha256(json.dumps([self.prompt, pictures]).encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What a judge gave.

    Attributes:
        scores: by item; all None where the answer could not be used.
        reason: the judge's words, or why there is no rating.
        raw: the answer as it came, or the error.
        refused: whether the endpoint will refuse every further question too.
        own: why this question alone was refused (`too long`, `filtered`, `no form`); else empty.
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
    own: str = ""


class Judge(Protocol):
    """Who rates; `name` stands in every rating."""

    name: str

    def answer(self, case: Case, seed: int) -> Answer: ...

    def asked(self, case: Case, seed: int) -> str:
        """A digest of all that decides the answer: what has the same was asked already."""
        ...

    def facts(self) -> dict[str, Any]:
        """Who it is and how it is asked; `left_out` holds what its server refused of the parameters."""
        ...


class Unparsable(ValueError):
    """An answer that is not in the form asked for; the message says what is wrong."""


class ChatJudge:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, model: ChatEndpoint, structured: Structured, attempts: int, sees_faces: bool) -> None:
        """
        Args:
            structured: what holds the answers to their form: a JSON `schema`, the demand for a JSON `object`, or the
                prompt alone (`text`). Servers differ in what they know.
            attempts: how often a question is asked before its answer counts as unparsable.
        """
        self.model, self.structured, self.attempts = model, structured, attempts
        self.name = model.name + " with faces" * sees_faces

    def answer(self, case: Case, seed: int) -> Answer:
        try:
            messages, form = self._messages(case), self._form(case)
        except PictureError as error:  # a face of this session was damaged since; it is this question's fault
            return Answer("failed", dict.fromkeys(case.choices), "no answer", str(error), 0)
        given, fault, raw = [], "", ""
        for attempt in range(1, self.attempts + 1):
            completion = self.model.complete([messages], [seed_for(seed, attempt)], form)[0]
            if isinstance(completion, ChatError):
                # What is no answer of a model fails once it was asked again, here or, with pauses, by the endpoint.
                is_last = completion.garbled and (attempt == self.attempts or completion.tries > 1)
                if is_last or not is_worth_another(completion):
                    return self._failed(case, completion, attempt)
                fault, raw = "no text", str(completion)
                continue
            given.append(completion)
            raw = completion.text
            try:
                scores, reason = read_answer(raw, case.choices)
            except Unparsable as error:
                cut = " (cut off; raise max_tokens)" if completion.finish_reason == "length" else ""
                fault = f"{error}{cut}"
                continue
            return Answer("rated", scores, reason, raw, attempt, *_tokens(given), completion.model)
        nothing = dict.fromkeys(case.choices)
        model = given[-1].model if given else ""
        return Answer("unparsable", nothing, fault, raw, self.attempts, *_tokens(given), model)

    def asked(self, case: Case, seed: int) -> str:
        how = [self.model.name, self.model.sampling, self.structured, self.attempts, system_prompt(), seed]
        return hashlib.sha256(json.dumps([case.digest, *how]).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
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

    def _failed(self, case: Case, error: ChatError, attempt: int) -> Answer:
        refused = error.status in REFUSALS and not error.own
        nothing = dict.fromkeys(case.choices)
        return Answer("failed", nothing, "no answer", str(error), attempt, refused=refused, own=error.own)


def read_answer(text: str, choices: Mapping[str, tuple[int | str, ...]]) -> tuple[dict[str, int | str], str]:
    """The value of each item, and the reason, of a judge's answer: its one JSON object, whatever stands round it.

    Raises:
        Unparsable: no JSON object with the items, or several that differ; an item without a value, or a value that is
            none of its choices. A number may be given as a text; nothing else is guessed.
    """
    found = [values for values in _objects(text) if values.keys() & choices.keys()]
    if not found:
        raise Unparsable("no JSON object")
    if any(values != found[0] for values in found):
        raise Unparsable(f"{len(found)} JSON objects that differ")
    values, scores = found[0], {}
    for item, allowed in choices.items():
        value = values.get(item)
        if isinstance(value, str) and value not in allowed and _NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or value not in allowed:
            raise Unparsable(f"{item} is {value!r:.40}, none of {', '.join(map(str, allowed))}")
        scores[item] = allowed[allowed.index(value)]
    reason = values.get("reason", "")
    return scores, reason if isinstance(reason, str) else ""


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of `text` that stand in no other, in order; the work is bounded by the text's length.

    Raises:
        Unparsable: one names a value twice, and differently.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_object, strict=False)  # a reason may run over several lines
    start, left, broken = _START.search(text), READINGS * len(text), 0
    while start:
        place = start.start()
        try:
            values, end = decoder.raw_decode(text, place)
            yield values
        except Unparsable:
            raise
        except (ValueError, RecursionError) as error:
            end, broken = place + 1, broken + 1
            left -= _read(error, text, place)
            if left < 0 or broken > BROKEN:
                raise Unparsable("no JSON object that could be found among many that are broken") from None
        start = _START.search(text, end)


def _read(error: ValueError | RecursionError, text: str, place: int) -> int:
    """How many characters the decoder went through before it gave up."""
    is_known = isinstance(error, json.JSONDecodeError) and not error.msg.startswith("Unterminated")
    return (error.pos if is_known else len(text)) - place


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = {replace_lone_surrogates(name): _whole(value) for name, value in pairs}
    if twice := next((name for name, value in pairs if values[replace_lone_surrogates(name)] != _whole(value)), None):
        raise Unparsable(f"{twice} has two values")
    return values


def _whole(value: Any) -> Any:
    return replace_lone_surrogates(value) if isinstance(value, str) else value


def _tokens(given: list[Any]) -> tuple[int | None, int | None]:
    return total([one.prompt_tokens for one in given]), total([one.completion_tokens for one in given])
