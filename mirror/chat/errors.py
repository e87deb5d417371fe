"""Parses the errors of chat servers: about one conversation, about an unsupported parameter, or in general.

Servers share no error format. Supported are OpenAI's (`error.code`, `error.param`), FastAPI's and pydantic's (`detail`,
`loc`), Google's (a list), xAI's (`error` is a text), and errors that a gateway forwards as JSON in a string.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from mirror.services.server_json import parsed

OK = 200
TOO_LARGE = 413
TOO_MANY = 429
BAD_GATEWAY = 502
OF_REQUEST = (400, 422)
LONGEST = 4000  # characters of an error that are searched
DEEPEST = 30  # levels of nested objects and lists that are searched
OF_KEY_OR_RATE = (401, 402, 403, 407, 408, 409, TOO_MANY)  # never about parameters
_TEXTS = ("message", "msg", "error", "errors", "detail", "details", "description", "fieldViolations", "metadata", "raw")
_PLACES = ("param", "loc", "field", "parameter")
_TYPES = ("type", "status", "error_type", "innererror")

# Covers the messages of OpenAI, Azure, vLLM, SGLang, TGI, llama.cpp, Ollama, Anthropic, Gemini, xAI, Mistral, Groq,
# Moonshot, DeepSeek, DashScope and OpenRouter.
_TOO_LONG = re.compile(
    r"context.?(?:length|window|size|limit)|string_above_max_length|request_too_large"
    r"|too many (?:\w+ )?(?:tokens|images)"
    r"|(?:prompt|input|request|messages?|conversation|string)\b.{0,60}?\b(?:(?:is|are) )?(?:too long|longer than)"
    r"|(?:input|prompt|requested) tokens?\b.{0,80}?exceed|exceeds?\b.{0,60}?\b(?:context|input|prompt)\b|input length"
    r"|`?inputs`? (?:tokens \+|must have less than)|reduce (?:the|your) (?:length|prompt|input|messages?)"
    r"|maximum (?:input|prompt|sequence|model) (?:sequence )?length|at most \d+ images?",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(
    r"content_?(?:filter|policy)|content.{0,3}(?:management|filter|usage|safety).{0,3}(?:polic|filter)|responsibleai"
    r"|data_?inspection|content exists risk|inappropriate content|prohibited.?content|usage polic|safety system"
    r"|invalid_prompt|(?:input|prompt|content|request)\b.{0,40}?\b(?:flagged|blocked)|moderation",
    re.IGNORECASE | re.DOTALL,
)
_NO_FORM = re.compile(r"json_validate_failed|failed to generate json", re.IGNORECASE)
_RATE = re.compile(
    r"rate.?limit|too many requests|overloaded|resource.?exhausted|try again (?:later|in)", re.IGNORECASE
)
_OF_SERVER = re.compile(r"server_?error|internal|unavailable|bad_?gateway|time_?out", re.IGNORECASE)
_RANGE = re.compile(
    r"must be (?:strictly )?(?:[<>≤≥=]|at (?:most|least)|below|above|between|in\b|within|less|greater|smaller|larger"
    r"|positive|non.?negative|an? )|should be (?:[<>≤≥]|less|greater|between|in\b|at )|out of range"
    r"|(?:above|below)[ _]m(?:ax|in)|(?:less|greater|more|smaller|larger) than|too (?:large|high|big|small|low)"
    r"|expected a value|m(?:ax|in)imum (?:value|of|is)|exceeds|supports at most",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"unsupported|n[o']t support|unknown|unrecogni[sz]ed|unexpected|extra[ _](?:inputs|fields|parameters|forbidden)"
    r"|cannot (?:both )?be|not (?:both|permitted|allowed|enabled|available|accepted|implemented)|unavailable|deprecated"
    r"|only.{0,40}?(?:allowed|set to|default|supported)|(?:must be|only|not) one of|cannot find field|use \W?max_",
    re.IGNORECASE | re.DOTALL,
)
_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_BOTH = re.compile(r"\bboth\b|only one|together|at the same time|simultaneous|mutually exclusive", re.IGNORECASE)

NAMES = {
    "temperature": r"temperature",
    "top_p": r"top[_ -]?p|topP",
    "frequency_penalty": r"frequency[_ -]?penalty|frequencyPenalty",
    "presence_penalty": r"presence[_ -]?penalty|presencePenalty",
    "logit_bias": r"logit[_ ]?bias|logitBias",
    "stop_token_ids": r"stop_token_ids",
    "seed": r"(?:random[_ ])?seed|randomSeed",
    "max_tokens": r"max_tokens|maxTokens",
    "max_completion_tokens": r"max_completion_tokens|maxCompletionTokens",
    "response_format": r"response[_ -]?format|responseFormat|json_?schema|json_object|json[ _]mode"
    r"|structured[ _]outputs?|guided[ _](?:json|decoding)|grammar",
}
_NAMED = {name: re.compile(rf"\b(?:{form})\b", re.IGNORECASE) for name, form in NAMES.items()}
_PENALTY = re.compile(r"\bpenalt(?:y|ies)\b", re.IGNORECASE)
LEAST_FIRST = ("seed", "presence_penalty", "frequency_penalty", "top_p", "temperature")  # least important first
NEUTRAL = {"top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0}  # values without any effect
NO_VALUE = ("seed", "response_format")  # the user did not choose their values

ConversationFault = Literal["", "too long", "filtered", "no form"]


@dataclass(frozen=True)
class ServerError:
    """A server's error, parsed.

    Attributes:
        status: The HTTP status, or the one in the body of a 200.
        code: The server's error code in words; empty if it has none.
        types: The server's other names for the error.
        parameters: The names of parameters that the error points at.
        text: All of its messages in one line.
    """

    status: int
    code: str
    types: tuple[str, ...]
    parameters: tuple[str, ...]
    text: str

    @classmethod
    def parse(cls, status: int, body: str) -> "ServerError":
        """Parses the error in a response's body, whatever its format."""
        return cls._of(status, _parsed(body))

    @classmethod
    def _of(cls, status: int, answer: Any) -> "ServerError":
        found = list(_parts(answer))
        codes = [text for kind, text in found if kind == "code"]
        texts = dict.fromkeys(" ".join(text.split()) for kind, text in found if kind == "text")
        error = cls(
            status,
            next((code for code in codes if not code.isdigit()), ""),
            tuple(text for kind, text in found if kind == "type"),
            tuple(text for kind, text in found if kind == "parameter"),
            "; ".join(filter(None, texts)),
        )
        if status != OK:
            return error
        numbers = [int(code) for code in codes if _STATUS.fullmatch(code)]
        return replace(error, status=numbers[0] if numbers else error._status_by_words())

    @classmethod
    def in_success(cls, body: str) -> "ServerError | None":
        """Parses the error in the body of a response with status 200; None if there is none."""
        found = _parsed(body)
        answer = found[0] if isinstance(found, list) and len(found) == 1 else found
        if not isinstance(answer, dict):
            return None
        choices = answer.get("choices")
        first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        error = answer.get("error") or first.get("error") or (answer if answer.get("object") == "error" else None)
        return cls._of(OK, {"error": error}) if error else None

    @property
    def message(self) -> str:
        """The server's message, with its code."""
        return ": ".join(filter(None, [self.code * (self.code not in self.text), self.text])) or "no reason"

    @property
    def conversation_fault(self) -> ConversationFault:
        """Why only this conversation is refused: `too long`, `filtered`, or `no form` (no valid JSON); else empty."""
        if self.status == TOO_LARGE:
            return "too long"
        may_be = self.status in (OK, *OF_REQUEST) or self.status >= 500
        if may_be and _TOO_LONG.search(self._words) and not self.code.startswith(("unsupported", "unknown")):
            return "too long"
        if (may_be or self.status in (403, 451)) and _FILTERED.search(self._words):
            return "filtered"
        return "no form" if may_be and _NO_FORM.search(self._words) else ""

    @property
    def _words(self) -> str:
        return " ".join((self.code[:LONGEST], *self.types, self.text))[:LONGEST]

    def _status_by_words(self) -> int:
        """Returns the status that an error within a 200 should have had, if it gives no number."""
        if _RATE.search(self._words):
            return TOO_MANY
        return BAD_GATEWAY if _OF_SERVER.search(f"{self.code} {self.types}"[:LONGEST]) else OK

    def unsupported(self, sent: Mapping[str, Any]) -> list[str]:
        """Returns the names of those parameters in `sent` that the server does not support.

        A value out of range is the user's to change and stays; only a seed, a response format, and a value without any
        effect count as unsupported then.
        """
        if self.conversation_fault or self.status in OF_KEY_OR_RATE or self.status == OK:
            return []
        is_unsupported = bool(_UNSUPPORTED.search(self._words))
        if self.status not in OF_REQUEST and not is_unsupported:
            return []
        names = self._named(sent)
        if _BOTH.search(self.text[:LONGEST]) and len(names) > 1:
            return [next((name for name in LEAST_FIRST if name in names), names[0])]
        if is_unsupported or not _RANGE.search(self._words):
            return names
        return [name for name in names if name in NO_VALUE or NEUTRAL.get(name) == sent[name]]

    def _named(self, sent: Mapping[str, Any]) -> list[str]:
        """Returns the parameters that the error points at, or else those that its text mentions."""
        for text in (" ".join(self.parameters)[:LONGEST], self.text[:LONGEST]):
            names = [name for name in sent if name in _NAMED and _NAMED[name].search(text)]
            names = names or [name for name in sent if name.endswith("_penalty") and _PENALTY.search(text)]
            if names:
                return names
        return []


def _parsed(body: str) -> Any:
    """Returns `body` parsed as JSON, or unchanged if it is not JSON."""
    try:
        return parsed(body)
    except ValueError:
        return body


def _parts(value: Any, kind: str = "text", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yields the texts, codes, types and parameter names of an error in order; skips what it repeats of the request."""
    if depth > DEEPEST:
        return
    depth += 1
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _PLACES:
                yield from _parts(inner, "parameter", depth)
            elif name == "code" or name in _TYPES:
                yield from _parts(inner, "code" if name == "code" else "type", depth)
            elif name in _TEXTS:
                yield from _parts(inner, "text", depth)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner, kind, depth)
    elif isinstance(value, str) and kind == "text" and value.lstrip()[:1] in ("{", "[") and len(value) < 100_000:
        inner = _parsed(value)
        yield from [(kind, value)] if inner is value else _parts(inner, depth=depth)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield kind, str(value)
