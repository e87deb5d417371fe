"""A chat model behind an OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, … Knows nothing of prompts.

The one module that imports openai, and leaves the retries to it: half a second after the first fault, then twice as
long each time, or as long as the server asks. What a server does not take of the sampling is left out from then on
(`mirror/chat/parameters.py`); what its errors mean, `mirror/chat/errors.py` reads; `mirror/services/http_client.py` bounds the time and
the size of an answer.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import openai
from pydantic import ValidationError

from mirror.chat.errors import BAD_GATEWAY, OK, Fault
from mirror.chat.messages import Completion, Message, NoAnswer, without_reasoning
from mirror.chat.parameters import Parameters
from mirror.chat.wire import Answer, Said, Usage, as_sent
from mirror.secrets import KEY, clean_secret, masked, secret_of_environment, url_fault
from mirror.services.http_client import LARGEST, HttpClient, UnusableAnswer
from mirror.services.server_json import parsed

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # servers that ask for no key accept any; the library insists on one
CONNECT_SECONDS = 30.0
CHANGES = 12  # changes of its parameters that a request may take; there are fewer to make
SHOWN = 300  # characters of a server's words that a message shows
GARBLED = "garbled"  # marks a response that came with 200 and is no JSON
FILTERED = ("content_filter", "error")  # ends of an answer that is not whole, and not for want of room
HINTS = {
    400: "the server does not take these parameters; change them or the model",
    401: "set OPENAI_API_KEY to a key that this endpoint accepts",
    403: "this key may not use this model; ask for access, or use another model",
    404: "check the model's name, and that the base URL ends where /chat/completions begins (often in /v1)",
    429: "lower the concurrency, or run again later",
}
OWN_HINTS = {
    "too long": "this conversation is more than the model reads; use a model that reads more, or lower {room}",
    "filtered": "the server's content filter refused this conversation; use another model or server",
    "no form": "this answer did not come out in the form asked for; ask again, or use another model",
}


def is_worth_another(error: Exception) -> bool:
    """Whether the endpoint is well and only its answer could not be used: asked again, it may give a better one."""
    return isinstance(error, NoAnswer) or (isinstance(error, ChatError) and error.status == OK)


class ChatError(RuntimeError):
    """An endpoint gave no answer that can be used. The message names it, says what happened and what to do.

    Attributes:
        status: of the HTTP response, or the one that stands in its body; None where there was none.
        tries: how many requests were made.
        own: `too long`, `filtered` or `no form` where this conversation alone was refused; else empty.
        garbled: whether what came with status 200 is no answer of a model: a page, an error, nothing at all.
    """

    def __init__(self, message: str, status: int | None, tries: int, own: str = "", garbled: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.tries = tries
        self.own = own
        self.garbled = garbled


class ChatEndpoint:
    """A model at an endpoint, with its sampling: a `ChatModel`."""

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        temperature: float = 0.7,
        top_p: float = 0.9,
        max_tokens: int = 128,
        frequency_penalty: float = 0.0,
        presence_penalty: float = 0.0,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 8,
        room: str = "max_tokens",
        largest: int = LARGEST,
    ) -> None:
        """
        Args:
            base_url: up to and with `/v1`; None is $OPENAI_BASE_URL or OpenAI's own.
            api_key: None is $OPENAI_API_KEY; only OpenAI's own endpoint must have one.
            timeout: seconds until a whole answer must be there, from connecting to its last byte.
            retries: further tries after a fault of the server, of the network, or of the rate.
            concurrency: requests of a batch that may be under way at a time.
            room: what the user calls `max_tokens`: the parameter that messages name.
            largest: bytes that an answer may have.

        Raises:
            ValueError: the key is missing, or no header can hold it; the URL is none, or holds a secret.
        """
        self.name = model
        url = base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        if fault := url_fault("the base URL" if base_url else "OPENAI_BASE_URL", url, KEY):
            raise ValueError(fault)
        self.url = url.rstrip("/")
        self.is_openai = urlsplit(url).hostname == urlsplit(OPENAI).hostname
        self.sampling = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
        penalties = {"frequency_penalty": frequency_penalty, "presence_penalty": presence_penalty}
        self.sampling |= {name: value for name, value in penalties.items() if value}  # not every server knows them
        # OpenAI's newer models know this name only; other servers often only the older one.
        limit_name = "max_completion_tokens" if self.is_openai else "max_tokens"
        self.parameters = Parameters(f"{self.url}: model {model}", self.sampling, limit_name)
        self.retries, self.concurrency, self.room = retries, concurrency, room
        self._key = secret_of_environment(KEY) if api_key is None else clean_secret(api_key, KEY)
        self._begins_unopened = False
        if self.is_openai and not self._key:
            raise ValueError(f"OPENAI_API_KEY is not set, and {self.url} answers nobody without; export it")
        http_client = _ChatClient(url, timeout, CONNECT_SECONDS, largest)
        self._client = openai.OpenAI(
            base_url=url,
            api_key=self._key or NO_KEY,
            timeout=http_client.timeout,
            max_retries=retries,
            http_client=http_client,
        )

    def facts(self) -> dict[str, Any]:
        """The model, its address, the sampling that it is asked with, and what its server refused of it."""
        return {"model": self.name, "base_url": self.url, **self.parameters.facts()}

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int | None],
        response_format: Mapping[str, Any] | None = None,
        *,
        max_tokens: int | None = None,
    ) -> list[Completion | ChatError]:
        """An answer to each conversation, asked concurrently; one that failed is a ChatError in its place.

        A seed asks the server to answer alike again, which few promise; None sends none. A `response_format` holds the
        answers to a form, such as a JSON schema, where the server knows it. `max_tokens` replaces the endpoint's own
        limit on the tokens of an answer, for this call.
        """
        asked = list(zip(conversations, seeds, strict=True))
        with ThreadPoolExecutor(self.concurrency) as threads:
            return list(threads.map(lambda one: self._ask(*one, response_format, max_tokens), asked))

    def _ask(
        self,
        conversation: Sequence[Message],
        seed: int | None,
        response_format: Mapping[str, Any] | None,
        max_tokens: int | None,
    ) -> Completion | ChatError:
        messages, before = [as_sent(message) for message in conversation], 0
        while True:
            sent = self.parameters.accepted(seed, response_format, max_tokens)
            try:
                answer = self._client.chat.completions.with_raw_response.create(
                    model=self.name, messages=messages, **sent
                )
            except openai.APIStatusError as error:
                if error.response.extensions.get(GARBLED):
                    return self._read(error.response.text, OK, before + _tries(error))
                fault = Fault.read(error.status_code, error.response.text)
                if before < CHANGES and self.parameters.learn(fault, sent, self._shown(fault.said)):
                    before += _tries(error)
                    continue
                return self._refused(error, fault, before)
            except openai.APIConnectionError as error:
                return self._unreachable(error, before)
            return self._read(answer.text, answer.status_code, before + answer.retries_taken + 1)

    def _read(self, body: str, status: int, tries: int) -> Completion | ChatError:
        """The answer in a response's body."""
        if fault := Fault.in_success(body):
            hint = OWN_HINTS.get(fault.own, "ask again, or look into the server's log").format(room=self.room)
            what = f"answered 200 with an error ({self._shown(fault.said)})"
            return self._error(what, hint, status, tries, fault.own, garbled=True)
        try:
            answer = Answer.model_validate(parsed(body))
        except ValueError as error:
            kind = "" if isinstance(error, ValidationError) else ", and no JSON"
            what = f"answered with no chat completion{kind}: {self._shown(body, 200)!r}"
            hint = "check that the base URL is that of an OpenAI-compatible API"
            return self._error(what, hint, status, tries, garbled=True)
        if not answer.choices:
            what = f"answered without a choice: {self._shown(body, 200)!r}"
            return self._error(what, "ask again, with another seed or model", status, tries, garbled=True)
        choice, usage = answer.choices[0], answer.usage or Usage()
        message, cut_off = choice.message or Said(), choice.finish_reason == "length"
        spoken = without_reasoning(message.text, cut_off)
        self._begins_unopened |= spoken.reasoning == "unopened"
        if (
            cut_off and self._begins_unopened and not spoken.reasoning
        ):  # its reasoning begins in the prompt, and goes on
            spoken = without_reasoning(f"<think>{message.text}", cut_off)
        if not spoken.words or choice.finish_reason in FILTERED:
            return self._wordless(message, choice.finish_reason, spoken.reasoning, status, tries)
        return Completion(
            spoken.words,
            usage.prompt_tokens,
            usage.completion_tokens,
            answer.model or self.name,
            choice.finish_reason or "stop",
        )

    def _wordless(self, message: Said, end: str | None, reasoning: str, status: int, tries: int) -> ChatError:
        """The error of an answer that has no words, or is not whole."""
        text = "a part of a text" if end in FILTERED and message.text else "no text"
        what = f"answered with {text} (finish_reason {self._shown(str(end), 40)})"
        what += f", but with the refusal {self._shown(message.refused)!r}" if message.refused else ""
        own, hint = "", "ask again, with another seed or model"
        if end == "content_filter":
            own, hint = "filtered", OWN_HINTS["filtered"]
        elif end == "length" or reasoning or message.thought:
            what += ": its tokens went into reasoning" if reasoning or message.thought else ""
            hint = f"raise {self.room}, or turn the model's reasoning off"
        return self._error(what, hint, status, tries, own, garbled=end == "error")

    def _refused(self, error: openai.APIStatusError, fault: Fault, before: int) -> ChatError:
        status, tries = error.status_code, _tries(error)
        hint = "ask again later, or look into the server's log" if status >= 500 else HINTS.get(status, "see above")
        hint = OWN_HINTS.get(fault.own, hint).format(room=self.room)
        if 300 <= status < 400:
            place = self._shown(error.response.headers.get("location", "nowhere"))
            hint = f"it leads to {place}, where neither prompts nor keys are sent; set the URL to where it leads"
        if fault.code == "insufficient_quota":
            hint = "this key has no credit left; check its plan"
        wait = error.response.headers.get("retry-after")
        if wait and tries <= self.retries:  # the library waits two minutes at most, and gives up at once beyond that
            asked = self._shown(wait, 40)
            hint = f"it asks to wait (Retry-After: {asked}), longer than the 120 s that are waited for; run again then"
        return self._error(f"answered {status} ({self._shown(fault.said)})", hint, status, before + tries, fault.own)

    def _unreachable(self, error: openai.APIConnectionError, before: int) -> ChatError:
        if isinstance(error, openai.APITimeoutError):
            what, hint = "did not answer in time", "raise the time-out, lower the concurrency, or ask for fewer tokens"
        elif isinstance(error.__cause__, UnusableAnswer):
            what, hint = f"cannot be used: {error.__cause__}", "look into what answers there"
        else:
            what, hint = f"cannot be reached ({error.__cause__ or error})", "is the server running? check the base URL"
        return self._error(what, hint, None, before + _tries(error))

    def _shown(self, text: str, most: int = SHOWN) -> str:
        """So much of a server's words as a message shows, without secrets."""
        return masked(text, self._key)[:most]

    def _error(
        self, what: str, hint: str, status: int | None, tries: int, own: str = "", garbled: bool = False
    ) -> ChatError:
        times = "1 try" if tries == 1 else f"{tries} tries"
        told = f"{self.url}: model {self.name} {masked(what, self._key)} after {times}; {hint}"
        return ChatError(told, status, tries, own, garbled)


class _ChatClient(HttpClient):
    """Gives a 200 that is no answer the status that it should have had, so that it is tried again like any other."""

    def send(self, *request: Any, **options: Any) -> Any:
        response = super().send(*request, **options)
        if response.is_success:
            if fault := Fault.in_success(response.text):
                response.status_code = fault.status
            elif not _is_json(response.text):
                response.status_code, response.extensions[GARBLED] = BAD_GATEWAY, True
        return response


def _is_json(body: str) -> bool:
    try:
        parsed(body)
    except ValueError:
        return False
    return True


def _tries(error: openai.APIError) -> int:
    """How many requests were made: the library writes into each which retry it is."""
    return int(error.request.headers.get("x-stainless-retry-count", 0)) + 1
