"""A chat model behind an OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, … Knows nothing of prompts.

The one module that imports openai, and leaves the retries to it: half a second after the first fault, then twice as
long each time, or as long as the server asks.
"""

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import openai
from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from mirror.messages import Completion, Message

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # servers that ask for no key accept any; the library insists on one
HINTS = {
    400: "the server does not take these parameters; change them or the model",
    401: "set OPENAI_API_KEY to a key that this endpoint accepts",
    403: "this key may not use this model; ask for access, or use another model",
    404: "check the model's name, and that the base URL ends where /chat/completions begins (often in /v1)",
    413: "the conversation is too large; send fewer or smaller images",
    429: "lower the concurrency, or run again later",
}


OK = 200


def is_worth_another(error: Exception) -> bool:
    """Whether the endpoint is well and only its answer could not be used: asked again, it may give a better one."""
    return isinstance(error, ChatError) and error.status == OK


class ChatError(RuntimeError):
    """An endpoint gave no answer that can be used. The message names it, says what happened and what to do.

    Attributes:
        status: of the HTTP response; None where there was none.
        tries: how many requests were made.
    """

    def __init__(self, message: str, status: int | None, tries: int) -> None:
        super().__init__(message)
        self.status = status
        self.tries = tries


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
    ) -> None:
        """
        Args:
            base_url: up to and with `/v1`; None is $OPENAI_BASE_URL or OpenAI's own.
            api_key: None is $OPENAI_API_KEY; only OpenAI's own endpoint must have one.
            timeout: seconds that a request may wait for the server.
            retries: further tries after a fault of the server, of the network, or of the rate.
            concurrency: requests of a batch that may be under way at a time.

        Raises:
            ValueError: the key is missing.
        """
        self.name = model
        url = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
        self.url = _without_credentials(url)
        self.is_openai = urlsplit(url).hostname == urlsplit(OPENAI).hostname
        self.sampling = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
        penalties = {"frequency_penalty": frequency_penalty, "presence_penalty": presence_penalty}
        self.sampling |= {name: value for name, value in penalties.items() if value}  # not every server knows them
        self.retries = retries
        self.concurrency = concurrency
        self._key = api_key or os.environ.get("OPENAI_API_KEY") or ""
        if self.is_openai and not self._key:
            raise ValueError(f"OPENAI_API_KEY is not set, and {self.url} answers nobody without; export it")
        # A proxy of the environment does not reach this machine's loopback, where vLLM and Ollama run.
        is_loopback = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
        http_client = openai.DefaultHttpxClient(trust_env=False) if is_loopback else None
        self._client = openai.OpenAI(
            base_url=url, api_key=self._key or NO_KEY, timeout=timeout, max_retries=retries, http_client=http_client
        )

    def facts(self) -> dict[str, Any]:
        return {"model": self.name, "base_url": self.url, **self.sampling}

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
        form = {} if response_format is None else {"response_format": dict(response_format)}
        form |= {} if max_tokens is None else {"max_tokens": max_tokens}
        with ThreadPoolExecutor(self.concurrency) as threads:
            return list(threads.map(lambda one: self._ask(*one, form), asked))

    def _ask(self, conversation: Sequence[Message], seed: int | None, form: dict[str, Any]) -> Completion | ChatError:
        sampling = self.sampling | form
        if self.is_openai:  # its newer models know this name only; other servers often only the older one
            sampling["max_completion_tokens"] = sampling.pop("max_tokens")
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=self.name,
                messages=[_as_sent(message) for message in conversation],
                **sampling,
                **({} if seed is None else {"seed": seed}),
            )
        except openai.APIStatusError as error:
            return self._refused(error)
        except openai.APIConnectionError as error:
            return self._unreachable(error)
        return self._read(answer.text, answer.status_code, answer.retries_taken + 1)

    def _read(self, body: str, status: int, tries: int) -> Completion | ChatError:
        """The answer in a response's body."""
        try:
            answer = _Answer.model_validate_json(body)
        except ValidationError:
            what = f"answered with no chat completion: {body[:200]!r}"
            return self._error(what, "check that the base URL is that of an OpenAI-compatible API", status, tries)
        choice, usage = answer.choices[0], answer.usage or _Usage()
        text = (choice.message.content or "").strip()
        if not text:
            why = f", but with the refusal {choice.message.refusal!r}" if choice.message.refusal else ""
            what = f"answered with no text (finish_reason {choice.finish_reason}){why}"
            hint = "raise max_tokens" if choice.finish_reason == "length" else "ask again, with another seed or model"
            return self._error(what, hint, status, tries)
        return Completion(
            text,
            usage.prompt_tokens,
            usage.completion_tokens,
            answer.model or self.name,
            choice.finish_reason or "stop",
        )

    def _refused(self, error: openai.APIStatusError) -> ChatError:
        status, tries = error.status_code, _tries(error)
        hint = "ask again later, or look into the server's log" if status >= 500 else HINTS.get(status, "see above")
        if error.code == "insufficient_quota":
            hint = "this key has no credit left; check its plan"
        wait = error.response.headers.get("retry-after")
        if wait and tries <= self.retries:  # the library waits two minutes at most, and gives up at once beyond that
            hint = f"it asks to wait (Retry-After: {wait}), longer than the 120 s that are waited for; run again then"
        return self._error(f"answered {status} ({_detail(error)})", hint, status, tries)

    def _unreachable(self, error: openai.APIConnectionError) -> ChatError:
        if isinstance(error, openai.APITimeoutError):
            what, hint = "did not answer in time", "raise the time-out, lower the concurrency, or ask for fewer tokens"
        else:
            what, hint = f"cannot be reached ({error.__cause__ or error})", "is the server running? check the base URL"
        return self._error(what, hint, None, _tries(error))

    def _error(self, what: str, hint: str, status: int | None, tries: int) -> ChatError:
        times = "1 try" if tries == 1 else f"{tries} tries"
        message = f"{self.url}: model {self.name} {what} after {times}; {hint}"
        return ChatError(message.replace(self._key, "…") if self._key else message, status, tries)


class _Spoken(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Spoken
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Answer(BaseModel):
    """What is read of a response; servers leave out much of the rest."""

    choices: list[_Choice] = Field(min_length=1)
    model: str | None = None
    usage: _Usage | None = None


def _as_sent(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in message.images]
    return {"role": message.role, "content": [*images, {"type": "text", "text": message.content}]}


def _data_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _tries(error: openai.APIError) -> int:
    """How many requests were made: the library writes into each which retry it is."""
    return int(error.request.headers.get("x-stainless-retry-count", 0)) + 1


def _detail(error: openai.APIStatusError) -> str:
    body = error.body
    message = body.get("message") if isinstance(body, dict) else body
    return str(message or json.dumps(body))[:300]
