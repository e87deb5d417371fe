"""The error of a request to a chat endpoint that returned no usable answer, with a hint at what to do."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mirror.chat.errors import OK, ConversationFault, ServerError
from mirror.chat.messages import NoAnswer
from mirror.chat.wire import ResponseMessage
from mirror.secrets import masked
from mirror.services.http_client import UnusableAnswer

if TYPE_CHECKING:
    import openai

__all__ = ["FILTERED", "OK", "ChatError", "ChatErrors", "is_worth_another", "tries_of"]

SHOWN = 300  # characters of a server's text that a message shows
FILTERED = ("content_filter", "error")  # finish reasons of an answer that is incomplete, but not for lack of tokens
HINTS = {
    400: "the server does not accept these parameters; change them or the model",
    401: "set OPENAI_API_KEY to a key that this endpoint accepts",
    403: "this key may not use this model; ask for access, or use another model",
    404: "check the model's name, and that the base URL ends where /chat/completions begins (often in /v1)",
    429: "lower the concurrency, or run again later",
}
CONVERSATION_HINTS = {
    "too long": "this conversation exceeds the model's context; use a model with a longer one, or lower {limit}",
    "filtered": "the server's content filter refused this conversation; use another model or server",
    "no form": "this answer did not have the requested format; ask again, or use another model",
}


class ChatError(RuntimeError):
    """An endpoint returned no usable answer. The message names the endpoint, the failure, and what to do.

    Attributes:
        status: The HTTP status of the response, or the one in its body; None if there was no response.
        tries: The number of requests made.
        conversation_fault: `too long`, `filtered` or `no form` if only this conversation was refused; else empty.
        garbled: Whether a response with status 200 holds no answer of a model: a web page, an error, nothing.
        refused: Whether the model itself refused, in words of its own.
    """

    def __init__(
        self,
        message: str,
        status: int | None,
        tries: int,
        conversation_fault: ConversationFault = "",
        garbled: bool = False,
        refused: bool = False,
    ) -> None:
        """Initializes the error with its attributes."""
        super().__init__(message)
        self.status = status
        self.tries = tries
        self.conversation_fault = conversation_fault
        self.garbled = garbled
        self.refused = refused


def is_worth_another(error: Exception) -> bool:
    """Returns whether the endpoint works and only its answer was unusable, so that another attempt may succeed."""
    return isinstance(error, NoAnswer) or (isinstance(error, ChatError) and error.status == OK)


@dataclass(frozen=True)
class ChatErrors:
    """Builds the errors of one endpoint.

    Attributes:
        url: The base URL, or several.
        model: The model's name.
        key: The API key, which no message shows.
        retries: Further tries after a transient failure.
        max_tokens_setting: The user's name for `max_tokens`, for hints.
    """

    url: str
    model: str
    key: str = field(repr=False)
    retries: int
    max_tokens_setting: str

    def error(
        self,
        what: str,
        hint: str,
        status: int | None,
        tries: int,
        conversation_fault: ConversationFault = "",
        garbled: bool = False,
        refused: bool = False,
    ) -> ChatError:
        """Returns an error that says what happened and what to do."""
        times = "1 try" if tries == 1 else f"{tries} tries"
        message = f"{self.url}: model {self.model} {masked(what, self.key)} after {times}; {hint}"
        return ChatError(message, status, tries, conversation_fault, garbled, refused)

    def shown(self, text: str, most: int = SHOWN) -> str:
        """Returns at most `most` characters of a server's text, without secrets."""
        return masked(text, self.key)[:most]

    def in_success(self, error: ServerError, status: int, tries: int) -> ChatError:
        """Returns the error of a response with status 200 that carries a server's error."""
        hint = self._hint(error.conversation_fault, "ask again, or check the server's log")
        what = f"answered 200 with an error ({self.shown(error.message)})"
        return self.error(what, hint, status, tries, error.conversation_fault, garbled=True)

    def without_text(
        self, message: ResponseMessage, finish_reason: str | None, reasoning: str, status: int, tries: int
    ) -> ChatError:
        """Returns the error of an answer without text, or with an incomplete one."""
        text = "a part of a text" if finish_reason in FILTERED and message.text else "no text"
        what = f"answered with {text} (finish_reason {self.shown(str(finish_reason), 40)})"
        what += f", but with the refusal {self.shown(message.refusal_text)!r}" if message.refusal_text else ""
        fault: ConversationFault = ""
        hint = "ask again, with another seed or model"
        if finish_reason == "content_filter":
            fault, hint = "filtered", CONVERSATION_HINTS["filtered"]
        elif finish_reason == "length" or reasoning or message.has_reasoning:
            what += ": its tokens went into reasoning" if reasoning or message.has_reasoning else ""
            hint = f"raise {self.max_tokens_setting}, or turn the model's reasoning off"
        return self.error(what, hint, status, tries, fault, finish_reason == "error", bool(message.refusal_text))

    def refused(self, response: "openai.APIStatusError", error: ServerError, earlier_tries: int) -> ChatError:
        """Returns the error of a response with an error status."""
        status, tries = response.status_code, tries_of(response)
        hint = "ask again later, or check the server's log" if status >= 500 else HINTS.get(status, "see above")
        hint = self._hint(error.conversation_fault, hint)
        headers = response.response.headers
        if 300 <= status < 400:
            place = self.shown(headers.get("location", "nowhere"))
            hint = f"it redirects to {place}, where neither prompts nor keys are sent; set the URL to its target"
        if error.code == "insufficient_quota":
            hint = "this key has no credit left; check its plan"
        wait = headers.get("retry-after")
        if wait and tries <= self.retries:  # openai waits at most two minutes, and gives up at once beyond that
            asked = self.shown(wait, 40)
            hint = f"it asks to wait (Retry-After: {asked}), longer than the limit of 120 s; run again then"
        what = f"answered {status} ({self.shown(error.message)})"
        # Of several servers, all fail before a failure is told; what one refuses is told of that one.
        at = self if status >= 500 else self._at(response)
        return at.error(what, hint, status, earlier_tries + tries, error.conversation_fault)

    def _at(self, response: "openai.APIStatusError") -> "ChatErrors":
        several = self.url.split(", ")
        asked = str(response.request.url)
        return replace(self, url=next((url for url in several if asked.startswith(f"{url}/")), self.url))

    def in_file(self, error: ServerError) -> ChatError:
        """Returns the error of a response with an error status that a file of the vendor holds."""
        hint = self._hint(error.conversation_fault, HINTS.get(error.status, "ask again later"))
        what = f"answered {error.status} ({self.shown(error.message)})"
        return self.error(what, hint, error.status, 1, error.conversation_fault)

    def unreachable(self, error: "openai.APIConnectionError", earlier_tries: int) -> ChatError:
        """Returns the error of a request without a usable response."""
        import openai  # slow to import, and only an endpoint's client raises what comes here

        if isinstance(error, openai.APITimeoutError):
            what, hint = "did not answer in time", "raise the timeout, lower the concurrency, or ask for fewer tokens"
        elif isinstance(error.__cause__, UnusableAnswer):
            what, hint = f"cannot be used: {error.__cause__}", "check what answers at this address"
        else:
            what, hint = f"cannot be reached ({error.__cause__ or error})", "is the server running? check the base URL"
        return self.error(what, hint, None, earlier_tries + tries_of(error))

    def _hint(self, conversation_fault: str, otherwise: str) -> str:
        return CONVERSATION_HINTS.get(conversation_fault, otherwise).format(limit=self.max_tokens_setting)


def tries_of(error: "openai.APIError") -> int:
    """Returns the number of requests made; the openai library numbers its retries in a header."""
    return int(error.request.headers.get("x-stainless-retry-count", 0)) + 1
