"""A chat model behind an OpenAI-compatible endpoint, such as OpenAI, vLLM or Ollama; several endpoints share the work.

The openai library retries transient failures with exponential backoff from half a second, or as the server asks.
Parameters that a server rejects are left out from then on (`mirror/chat/parameters.py`); `mirror/chat/errors.py` parses
the server's errors; `mirror/services/http_client.py` limits the time and the size of a response.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import ValidationError

from mirror.chat.chat_error import FILTERED, ChatError, ChatErrors, is_worth_another, tries_of
from mirror.chat.errors import BAD_GATEWAY, OK, ServerError
from mirror.chat.messages import Completion, Message
from mirror.chat.parameters import Parameters
from mirror.chat.reasoning import without_reasoning
from mirror.chat.wire import ChatResponse, ResponseMessage, Usage, as_sent
from mirror.secrets import KEY, clean_secret, secret_of_environment, separate_urls, url_faults
from mirror.services.http_client import LARGEST, HttpClient
from mirror.services.replicas import Replicas
from mirror.services.server_json import parsed

__all__ = ["OK", "ChatEndpoint", "ChatError", "is_worth_another"]

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # servers that need no key accept any; the openai library requires one
CONNECT_SECONDS = 30.0
CHANGES = 12  # attempts with changed parameters per request; there are fewer parameters to drop
GARBLED = "garbled"  # marks a response with status 200 that is not JSON


class ChatEndpoint:
    """A model at an endpoint, with its sampling: a `ChatModel`.

    A context manager that closes its connections; one that serves until the process ends need not be closed.
    """

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
        max_tokens_setting: str = "max_tokens",
        largest: int = LARGEST,
        extra: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Initializes the client; sends nothing.

        Args:
            model: The model's name at the endpoint.
            base_url: The URL up to and including `/v1`, or several of servers that answer alike, separated by commas;
                None uses $OPENAI_BASE_URL or OpenAI's own.
            api_key: None uses $OPENAI_API_KEY; only OpenAI's own endpoint requires one.
            temperature: Sampling temperature; 0 is greedy.
            top_p: Probability mass of nucleus sampling, in (0, 1].
            max_tokens: Limit on the tokens of an answer.
            frequency_penalty: OpenAI's penalty; sent only if not 0.
            presence_penalty: OpenAI's penalty; sent only if not 0.
            timeout: Seconds for a complete answer, from connecting to its last byte.
            retries: Further tries after a server error, a network error, or a rate limit.
            concurrency: The maximum number of concurrent requests of a batch.
            max_tokens_setting: The user's name for `max_tokens`, for error messages.
            largest: The maximum size of a response in bytes.
            extra: Further parameters of every request that OpenAI need not know, such as `stop_token_ids`.

        Raises:
            ValueError: The key is missing or not valid in a header, or the URL is invalid or contains a secret.
        """
        import openai  # slow to import, and needed only where a model is asked over HTTP

        self.name = model
        text = base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        if faults := url_faults("the base URL" if base_url else "OPENAI_BASE_URL", text, KEY):
            raise ValueError(faults[0])
        self.urls = [url.rstrip("/") for url in separate_urls(text)]
        self.url = ", ".join(self.urls)
        self.is_openai = urlsplit(OPENAI).hostname in [urlsplit(url).hostname for url in self.urls]
        self.sampling = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
        penalties = {"frequency_penalty": frequency_penalty, "presence_penalty": presence_penalty}
        self.sampling |= {name: value for name, value in penalties.items() if value}  # not every server supports them
        self.sampling |= extra
        self._extra = frozenset(extra)
        # OpenAI's newer models support only this name, other servers often only the older one.
        limit_name = "max_completion_tokens" if self.is_openai else "max_tokens"
        self.parameters = Parameters(f"{self.url}: model {model}", self.sampling, limit_name)
        self.concurrency = concurrency
        key = secret_of_environment(KEY) if api_key is None else clean_secret(api_key, KEY)
        self._errors = ChatErrors(self.url, model, key, retries, max_tokens_setting)
        self._begins_unopened = False  # whether this model's prompt ends in an opening tag of reasoning
        if self.is_openai and not key:
            raise ValueError(f"OPENAI_API_KEY is not set, and {self.url} requires a key; export it")
        http_client = _ChatClient(self.urls, timeout, CONNECT_SECONDS, largest)
        self._client = openai.OpenAI(
            base_url=self.urls[0],
            api_key=key or NO_KEY,
            timeout=http_client.timeout,
            max_retries=retries,
            http_client=http_client,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; nothing can be asked afterwards."""
        self._client.close()

    def warm_up(self, conversations: int) -> None:
        """There is nothing to compile."""

    def facts(self) -> dict[str, Any]:
        """Returns the model, its URL or URLs, its sampling, and the parameters that its server rejected."""
        return {"model": self.name, "base_url": self.url, **self.parameters.facts()}

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int | None],
        response_format: Mapping[str, Any] | None = None,
        *,
        max_tokens: int | None = None,
    ) -> list[Completion | ChatError]:
        """Answers each conversation; the requests run concurrently.

        Args:
            conversations: The messages of each conversation.
            seeds: One seed per conversation, for servers that support reproducible sampling; None sends none.
            response_format: The required format of the answers, such as a JSON schema, if the server supports it.
            max_tokens: Overrides the endpoint's limit on the tokens of an answer, for this call.

        Returns:
            One completion per conversation; a ChatError in place of one that failed.
        """
        requests = list(zip(conversations, seeds, strict=True))
        with ThreadPoolExecutor(self.concurrency) as threads:
            return list(threads.map(lambda one: self._ask(one[0], one[1], response_format, max_tokens), requests))

    def _ask(
        self,
        conversation: Sequence[Message],
        seed: int | None,
        response_format: Mapping[str, Any] | None,
        max_tokens: int | None,
    ) -> Completion | ChatError:
        import openai

        tries = 0
        while True:
            body = self.body(conversation, seed, response_format, max_tokens)
            own = {name: value for name, value in body.items() if name not in self._extra}
            extra = {name: value for name, value in body.items() if name in self._extra} or None
            try:
                answer = self._client.chat.completions.with_raw_response.create(**own, extra_body=extra)
            except openai.APIStatusError as error:
                if error.response.extensions.get(GARBLED):
                    return self._read(error.response.text, OK, tries + tries_of(error))
                fault = ServerError.parse(error.status_code, error.response.text)
                if tries < CHANGES and self.parameters.learn(fault, body, self._errors.shown(fault.message)):
                    tries += tries_of(error)
                    continue
                return self._errors.refused(error, fault, tries)
            except openai.APIConnectionError as error:
                return self._errors.unreachable(error, tries)
            return self._read(answer.text, answer.status_code, tries + answer.retries_taken + 1)

    def body(
        self,
        conversation: Sequence[Message],
        seed: int | None,
        response_format: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
    ) -> dict[str, Any]:
        """Returns the body of the request for a conversation, without the parameters that the server rejected.

        Args:
            conversation: Its messages.
            seed: As for `complete`.
            response_format: As for `complete`.
            max_tokens: As for `complete`.
        """
        messages = [as_sent(message) for message in conversation]
        return {
            "model": self.name,
            "messages": messages,
            **self.parameters.accepted(seed, response_format, max_tokens),
        }

    def read(self, body: Mapping[str, Any], status: int, answer: str) -> Completion | ChatError | None:
        """Parses a response that reached the user another way, such as in a file of a batch.

        Args:
            body: The body of the request.
            status: The HTTP status of the response.
            answer: The body of the response.

        Returns:
            The completion, or the error; None if the server rejects a parameter, which later bodies leave out.
        """
        if status == OK:
            return self._read(answer, status, 1)
        fault = ServerError.parse(status, answer)
        if self.parameters.learn(fault, body, self._errors.shown(fault.message)):
            return None
        return self._errors.in_file(fault)

    def _read(self, body: str, status: int, tries: int) -> Completion | ChatError:
        """Parses a response's body."""
        if fault := ServerError.in_success(body):
            return self._errors.in_success(fault, status, tries)
        try:
            answer = ChatResponse.model_validate(parsed(body))
        except ValueError as error:
            kind = "" if isinstance(error, ValidationError) else ", and no JSON"
            what = f"answered with no chat completion{kind}: {self._errors.shown(body, 200)!r}"
            hint = "check that the base URL is that of an OpenAI-compatible API"
            return self._errors.error(what, hint, status, tries, garbled=True)
        if not answer.choices:
            what = f"answered without a choice: {self._errors.shown(body, 200)!r}"
            return self._errors.error(what, "ask again, with another seed or model", status, tries, garbled=True)
        choice, usage = answer.choices[0], answer.usage or Usage()
        message, cut_off = choice.message or ResponseMessage(), choice.finish_reason == "length"
        found = without_reasoning(message.text, cut_off)
        self._begins_unopened |= found.reasoning == "unopened"
        if cut_off and self._begins_unopened and not found.reasoning:  # cut off inside reasoning that the prompt opens
            found = without_reasoning(f"<think>{message.text}", cut_off)
        if not found.text or choice.finish_reason in FILTERED:
            return self._errors.without_text(message, choice.finish_reason, found.reasoning, status, tries)
        return Completion(
            found.text,
            usage.prompt_tokens,
            usage.completion_tokens,
            answer.model or self.name,
            choice.finish_reason or "stop",
        )


class _ChatClient(HttpClient):
    """Gives a 200 without an answer the status that it should have had, so that it is retried like other failures."""

    def __init__(self, urls: Sequence[str], *limits: Any) -> None:
        super().__init__(urls, *limits)
        self._replicas = Replicas(urls)

    def send(self, request: Any, **options: Any) -> Any:
        return self._replicas.send(request, lambda moved: self._sent(moved, options))

    def _sent(self, request: Any, options: Mapping[str, Any]) -> Any:
        response = super().send(request, **options)
        if response.is_success:
            if fault := ServerError.in_success(response.text):
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
