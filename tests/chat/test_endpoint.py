"""The chat endpoint, over a real socket: what is sent, what is read, and what every fault says."""

import base64
import contextlib
import io
import json
import socket

import pytest
from PIL import Image

from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.messages import Message
from tests.openai_server import Body, Dropped, OpenAIServer, Slow, Status, Text, together

KEY = "sk-proj-very-secret-0123456789"
ASKED = [Message("system", "Be a client."), Message("user", "How are you?")]


@pytest.fixture
def server():
    with OpenAIServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    """A server that names no time is asked again after milliseconds."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)


def endpoint(server, **options):
    return ChatEndpoint("some-model", server.url, KEY, **{"timeout": 20.0, "retries": 2} | options)


def ask(endpoint, conversation=ASKED):
    return endpoint.complete([conversation], [7])[0]


# What is sent and read ------------------------------------------------------------------------------------------------


def test_a_conversation_goes_out_with_its_sampling(server):
    ask(endpoint(server, temperature=0.7, top_p=0.9, max_tokens=128, frequency_penalty=0.2, presence_penalty=0.3))
    (request,) = server.requests
    assert request.body == {
        "model": "some-model",
        "messages": [{"role": "system", "content": "Be a client."}, {"role": "user", "content": "How are you?"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 128,
        "frequency_penalty": 0.2,
        "presence_penalty": 0.3,
        "seed": 7,
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_what_was_not_asked_for_is_not_sent(server):
    endpoint(server).complete([ASKED], [None])
    assert server.requests[0].body.keys() == {"model", "messages", "temperature", "top_p", "max_tokens"}


def test_one_call_can_have_a_limit_of_its_own(server):
    model = endpoint(server, max_tokens=128)
    model.complete([ASKED], [None], max_tokens=512)
    model.complete([ASKED], [None])
    assert [request.body["max_tokens"] for request in server.requests] == [512, 128]


def test_an_answer_is_read_with_its_counts(server):
    server.answers(Text("  Client: [nods] Yes.\n", finish_reason="length"))
    answer = ask(endpoint(server))
    assert answer.text == "Client: [nods] Yes."
    assert (answer.prompt_tokens, answer.completion_tokens) == (3, 3)
    assert (answer.model, answer.finish_reason) == ("some-model-2026", "length")


def test_an_answer_without_what_small_servers_leave_out_is_read(server):
    server.answers(Body(b'{"choices": [{"message": {"role": "assistant", "content": "Yes."}}]}'))
    answer = ask(endpoint(server))
    assert (answer.text, answer.prompt_tokens, answer.model) == ("Yes.", None, "some-model")


def test_images_go_before_the_words_of_their_message(server):
    image = Image.new("RGB", (5, 3), (200, 10, 30))
    ask(endpoint(server), [Message("user", "Who is it?", (image, image.rotate(180)))])
    parts = server.requests[0].body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]
    assert parts[2]["text"] == "Who is it?"
    head, data = parts[0]["image_url"]["url"].split(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).tobytes() == image.tobytes()


def test_the_answers_of_a_batch_keep_their_order(server):
    server.default = lambda request: Text(f"to {request.words} with {request.body['seed']}")
    answers = endpoint(server).complete([[Message("user", str(n))] for n in range(20)], range(100, 120))
    assert [answer.text for answer in answers] == [f"to {n} with {n + 100}" for n in range(20)]


def test_a_batch_goes_out_concurrently(server):
    server.default = together(4)
    answers = endpoint(server, retries=0, concurrency=4).complete([ASKED] * 8, [None] * 8)
    assert [answer.text for answer in answers] == ["Yes."] * 8


def test_no_more_than_the_limit_go_out_at_a_time(server):
    waiting, most, pairs = set(), [], together(2)

    def count(request):
        waiting.add(id(request))
        most.append(len(waiting))
        answer = pairs(request)
        waiting.discard(id(request))
        return answer

    server.default = count
    answers = endpoint(server, retries=0, concurrency=2).complete([ASKED] * 6, [None] * 6)
    assert [answer.text for answer in answers] == ["Yes."] * 6
    assert max(most) == 2


def test_an_empty_batch_asks_nothing(server):
    assert endpoint(server).complete([], []) == []
    assert server.requests == []


def test_conversations_and_seeds_must_be_as_many(server):
    with pytest.raises(ValueError):
        endpoint(server).complete([ASKED, ASKED], [1])


# Keys and addresses ---------------------------------------------------------------------------------------------------


def test_openai_without_a_key_is_refused_before_anything_is_asked():
    with pytest.raises(ValueError, match="OPENAI_API_KEY is not set, and https://api.openai.com/v1 "):
        ChatEndpoint("gpt-4o-mini")


def test_another_server_needs_no_key(server):
    assert ask(ChatEndpoint("some-model", server.url)).text == "Yes."
    assert server.requests[0].headers["authorization"] == "Bearer none"


def test_a_key_is_cleaned_or_refused_unseen(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"\ufeff“{KEY}”\r\n")
    assert ask(ChatEndpoint("some-model", server.url)).text == "Yes."
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    for inner in ("\r", " ", "é", "\u200b"):
        monkeypatch.setenv("OPENAI_API_KEY", f"sk-{inner}{KEY}")
        with pytest.raises(ValueError, match="OPENAI_API_KEY must be one word") as error:
            ChatEndpoint("some-model", server.url)
        assert "secret" not in str(error.value)


def test_key_and_address_come_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert ask(ChatEndpoint("some-model")).text == "Yes."
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_proxy_does_not_stand_before_a_server_on_this_machine(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(endpoint(server, retries=0)).text == "Yes."


def test_openai_is_asked_with_the_name_that_its_newer_models_know():
    """The older name is refused by them; other servers often know only that one."""
    asked = {}
    model = ChatEndpoint("gpt-4o-mini", api_key=KEY, max_tokens=9)

    class Asked(Exception):
        pass

    def create(**body):
        asked.update(body)
        raise Asked

    model._client.chat.completions.with_raw_response.create = create
    with pytest.raises(Asked):
        ask(model)
    assert asked["max_completion_tokens"] == 9 and "max_tokens" not in asked


def test_the_facts_hold_no_secret():
    model = ChatEndpoint("m", "http://host:8000/v1/", KEY, presence_penalty=0.2)
    assert model.facts() == {
        "model": "m",
        "base_url": "http://host:8000/v1",
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 128,
        "presence_penalty": 0.2,
        "seed_bits": 31,
    }


# Reasoning ------------------------------------------------------------------------------------------------------------


def said(content, **more):
    message = {"role": "assistant", "content": content, **more}
    return Body(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())


CONTENTS = {
    "tags": "<think>\nShe is sad.\n</think>\n\nYes.",
    "no opening tag": "She is sad.\n</think>\n\nYes.",
    "Mistral": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Yes."}],
    "output_text": [{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "Yes."}],
    "several": [{"type": "text", "text": "Ye"}, {"type": "reference", "text": "[1]"}, {"type": "text", "text": "s."}],
    "a value": [{"type": "text", "text": {"value": "Yes.", "annotations": []}}],
    "texts": ["Ye", "s."],
    "tags in parts": [{"type": "text", "text": "<think>hm"}, {"type": "text", "text": "</think>Yes."}],
    "one part": {"type": "text", "text": "Yes."},
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_reasoning_is_no_answer_whatever_form_it_has(content, server):
    server.answers(said(content, reasoning_content="hm", reasoning="hm"))
    assert ask(endpoint(server)).text == "Yes."


def test_reasoning_set_apart_is_no_answer_where_there_is_no_other(server):
    server.answers(said("", reasoning_content="She is sad."))
    error = ask(endpoint(server, max_tokens_setting="client_max_tokens"))
    assert isinstance(error, ChatError) and "its tokens went into reasoning" in str(error)
    assert "raise client_max_tokens" in str(error) and "She is sad" not in str(error)


def test_a_refusal_as_a_part_is_told(server):
    server.answers(said([{"type": "refusal", "refusal": "I cannot."}]))
    assert "but with the refusal 'I cannot.'" in str(ask(endpoint(server)))


def test_a_model_whose_reasoning_begins_in_the_prompt_is_not_quoted_when_cut_off(server):
    server.answers(Text("She is sad.</think>Yes."), Text("She is sad, so I", "length"), Text("Quite.", "stop"))
    model = endpoint(server)
    assert ask(model).text == "Yes."
    assert "its tokens went into reasoning" in str(ask(model))
    assert ask(model).text == "Quite."


# What a server does not take ------------------------------------------------------------------------------------------

ALL = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 9, "frequency_penalty": 0.2, "presence_penalty": 0.3}


def strict(*names, status=400, code="unsupported_parameter"):
    """A server that refuses the first of the names that a request holds."""

    def answer(request):
        for name in names:
            if name in request.body:
                return Status(status, f"Unsupported parameter: '{name}'", code, param=name)
        return Text("Yes.")

    return answer


@pytest.mark.parametrize("name", [*ALL, "seed"])
def test_what_is_refused_is_left_out_recorded_and_not_sent_again(name, server, caplog):
    server.default = strict(name)
    model = endpoint(server, **ALL)
    assert [answer.text for answer in (ask(model), ask(model))] == ["Yes."] * 2
    first, second, third = (request.body for request in server.requests)
    assert name in first and name not in second and second == third
    if name == "max_tokens":
        assert second["max_completion_tokens"] == 9
    else:
        assert first.keys() - second.keys() == {name}
    left_out = model.facts()["left_out"]
    assert left_out.keys() == {name} and left_out[name]["value"] == first[name]
    assert left_out[name]["reason"] == f"unsupported_parameter: Unsupported parameter: '{name}'"
    assert [name in record.getMessage() for record in caplog.records if record.name == "mirror.chat.parameters"] == [
        True
    ]


def test_all_of_it_may_be_refused(server):
    server.default = strict("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "seed")
    model = endpoint(server, **ALL)
    assert ask(model).text == "Yes."
    assert server.requests[-1].body.keys() == {"model", "messages", "max_completion_tokens"}
    assert model.facts().keys() == {"model", "base_url", "max_tokens", "seed_bits", "left_out"}


def test_a_limit_that_is_refused_under_both_names_is_an_error_and_never_left_out(server):
    server.default = strict("max_tokens", "max_completion_tokens")
    error = ask(endpoint(server))
    assert isinstance(error, ChatError) and error.status == 400 and error.tries == len(server.requests) == 2


def test_a_server_may_name_several_at_once_in_another_form(server):
    places = [{"loc": ["body", name], "msg": "Extra inputs are not permitted"} for name in ("seed", "presence_penalty")]
    refusal = Body(json.dumps({"message": {"detail": places}}).encode(), status=422)
    server.default = lambda request: refusal if "seed" in request.body else Text("Yes.")
    assert ask(endpoint(server, **ALL)).text == "Yes."
    assert len(server.requests) == 2 and "presence_penalty" not in server.requests[1].body


def test_requests_that_are_under_way_together_learn_from_one_refusal(server, caplog):
    refused, fine = together(4, strict("temperature")), strict("temperature")
    server.default = lambda request: (refused if "temperature" in request.body else fine)(request)
    answers = endpoint(server, retries=0, concurrency=4).complete([ASKED] * 8, range(8))
    assert [answer.text for answer in answers] == ["Yes."] * 8
    assert sum("temperature" in request.body for request in server.requests) == 4
    assert len([record for record in caplog.records if record.name == "mirror.chat.parameters"]) == 1


def test_parameters_that_openai_does_not_know_are_sent_until_a_server_refuses_them(server):
    extra = {"stop_token_ids": [2], "logit_bias": {"7": -100.0}}
    model = endpoint(server, extra=extra)
    assert ask(model).text == "Yes." and server.requests[0].body.items() >= extra.items()
    assert model.facts().items() >= extra.items()
    refusal = Body(b'{"detail": "Unexpected fields in the request: {\'stop_token_ids\'}"}', status=422)
    server.default = lambda request: refusal if "stop_token_ids" in request.body else Text("Yes.")
    assert ask(model).text == "Yes." and server.requests[-1].body["logit_bias"] == {"7": -100.0}
    assert model.facts()["left_out"]["stop_token_ids"]["value"] == [2]


def test_a_form_gives_way_step_by_step(server):
    server.default = lambda request: (
        Status(400, "This response_format type is unavailable now")
        if "response_format" in request.body
        else Text("Yes.")
    )
    model = endpoint(server)
    for _ in range(2):
        assert model.complete([ASKED], [None], {"type": "json_schema", "json_schema": {}})[0].text == "Yes."
    forms = [request.body.get("response_format", {}).get("type") for request in server.requests]
    assert forms == ["json_schema", "json_object", None, None]
    assert model.facts()["left_out"]["response_format"]["value"] == ["json_schema", "json_object"]


@pytest.mark.parametrize("seed, sent", [(7, 7), (2**31 - 1, 2**31 - 1), (2**63 - 1, 1), (3 << 31, 3)])
def test_seeds_go_out_in_31_bits(seed, sent, server):
    endpoint(server).complete([ASKED], [seed])
    assert server.requests[0].body["seed"] == sent


def test_a_value_out_of_range_is_the_users_to_change(server):
    server.default = Status(400, "Invalid 'temperature': decimal above maximum value.", "decimal_above_max_value")
    error = ask(endpoint(server, temperature=3.0))
    assert len(server.requests) == 1 and "above maximum value" in str(error)


# Faults ---------------------------------------------------------------------------------------------------------------

FAULTS = {
    "key": (Status(401, f"Incorrect API key provided: {KEY}"), 401, 1, "set OPENAI_API_KEY to a key"),
    "model": (Status(404, "The model does not exist"), 404, 1, "check the model's name"),
    "parameters": (Status(400, "temperature must be below 2"), 400, 1, "(temperature must be below 2)"),
    "access": (Status(403), 403, 1, "this key may not use this model"),
    "rate": (Status(429, retry_after=0.001), 429, 3, "lower the concurrency, or run again later"),
    "quota": (Status(429, code="insufficient_quota", retry_after=0.001), 429, 3, "no credit left"),
    "long wait": (
        Status(429, retry_after=600),
        429,
        1,
        "(Retry-After: 600), longer than the limit of 120 s",
    ),
    "server": (Status(503, "overloaded", retry_after=0.001), 503, 3, "check the server's log"),
    "other": (Status(418), 418, 1, "(as the test asked)"),
    "broken JSON": (Body(b'{"choices": ['), 200, 3, "no chat completion, and no JSON: '{\"choices\": ['"),
    "a page": (Body(b"<html>Sign in</html>", "text/html"), 200, 3, "check that the base URL is that of an OpenAI-comp"),
    "no choice": (Body(b'{"choices": []}'), 200, 1, "answered without a choice: '{\"choices\": []}'"),
    "no choices": (Body(b'{"choices": null}'), 200, 1, "answered without a choice"),
    "no message": (Body(b'{"choices": [{"message": null}]}'), 200, 1, "answered with no text"),
    "another answer": (Body(b'{"object": "list"}'), 200, 1, "answered with no chat completion: '{"),
    "a list": (Body(b"[1]"), 200, 1, "answered with no chat completion"),
    "null": (Body(b"null"), 200, 1, "answered with no chat completion"),
    "content of no words": (Body(b'{"choices": [{"message": {"content": [{}]}}]}'), 200, 1, "answered with no text"),
    "content of another kind": (Body(b'{"choices": [{"message": {"content": 3}}]}'), 200, 1, "no chat completion"),
    "no bytes": (Body(b""), 200, 3, "answered with no chat completion"),
    "no text": (Text(None), 200, 1, "answered with no text (finish_reason stop)"),
    "blank": (Text(" \n"), 200, 1, "ask again, with another seed or model"),
    "all spent": (Text("", "length"), 200, 1, "raise max_tokens"),
    "all spent on thought": (Text("<think>\nWell", "length"), 200, 1, "its tokens went into reasoning"),
    "only thought": (Text("<think>Well</think>"), 200, 1, "raise max_tokens, or turn the model's reasoning off"),
    "filtered": (Text("I am so", "content_filter"), 200, 1, "a part of a text (finish_reason content_filter)"),
    "broken off": (Text("I am so", "error"), 200, 1, "(finish_reason error)"),
    "too long": (Status(400, "maximum context length is 9 tokens"), 400, 1, "exceeds the model's context"),
    "too large": (Body(b"<html>Too Large</html>", "text/html", 413), 413, 1, "exceeds the model's context"),
    "refused words": (Status(400, "see our policy", "content_filter"), 400, 1, "content filter refused this conv"),
    "another vendor's form": (Body(b'[{"error": {"message": "bad image"}}]', status=400), 400, 1, "(bad image)"),
    "error in 200": (Body(b'{"error": {"message": "no such voice", "code": "x1"}}'), 200, 1, "(x1: no such voice)"),
    "its number in 200": (Body(b'{"error": {"message": "no", "code": 402}}'), 402, 1, "answered 402 (no)"),
    "refusal": (Text(None, refusal="I cannot."), 200, 1, "but with the refusal 'I cannot.'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("answer, status, tries, message", FAULTS.values(), ids=FAULTS)
def test_a_fault_says_where_what_and_what_to_do(answer, status, tries, message, server):
    server.default = answer
    error = ask(endpoint(server))
    assert isinstance(error, ChatError)
    assert message in str(error)
    assert str(error).startswith(f"{server.url}: model some-model answered ")
    assert f" after {tries} tr" in str(error)
    assert (error.status, error.tries, len(server.requests)) == (status, tries, tries)
    assert KEY not in str(error)


def test_a_fault_is_tried_again_until_the_server_answers(server):
    server.answers(Status(429, retry_after=0.001), Status(500, retry_after=0.001))
    assert ask(endpoint(server)).text == "Yes."
    assert len(server.requests) == 3


def test_a_rate_limit_inside_a_200_is_waited_for(server):
    limit = Body(b'{"error": {"message": "Rate limit exceeded", "code": 429}}')
    server.answers(limit, Body(b'{"error": {"message": "down", "code": 503}, "choices": []}'))
    assert ask(endpoint(server)).text == "Yes."
    assert len(server.requests) == 3
    server.default = limit
    error = ask(endpoint(server, retries=1))
    assert (error.status, error.tries) == (429, 2) and "(Rate limit exceeded)" in str(error)
    assert "base URL" not in str(error)


@pytest.mark.parametrize("body", [b"<html>Down for a moment</html>", b"", b"Bad gateway", b'{"choices": [{"mess'])
def test_a_body_that_is_no_json_is_asked_for_again(body, server):
    server.answers(Body(body, "text/html"), Body(body))
    assert ask(endpoint(server)).text == "Yes."
    assert len(server.requests) == 3
    server.default = Body(body)
    error = ask(endpoint(server, retries=0))
    assert (error.status, error.tries, error.garbled) == (200, 1, True)


HALVES = [r"\ud83d", r"\udc00 Yes", r"Ye\ud83ds."]


@pytest.mark.parametrize("half", HALVES)
def test_half_a_character_in_an_answer_is_replaced(half, server):
    content = b'{"choices": [{"message": {"content": "%s"}, "finish_reason": "stop"}], "model": "%s", "usage": "none"}'
    server.default = Body(content % (half.encode(), half.encode()))
    answer = ask(endpoint(server))
    assert "\ufffd" in answer.text and "\ufffd" in answer.model
    server.default = Body(b'{"error": {"message": "%s"}}' % half.encode(), status=400)
    assert "\ufffd" in str(ask(endpoint(server)))


def test_counts_that_are_none_cost_nothing(server):
    content = (
        b'{"choices": [{"message": {"content": "Yes."}}], "usage": {"prompt_tokens": %s, "completion_tokens": -1}}'
    )
    for count in (b"9" * 400, b"-5", b"true", b'"x"', b"1e999", b"NaN"):
        server.default = Body(content % count)
        assert ask(endpoint(server)).prompt_tokens is None and ask(endpoint(server)).completion_tokens is None


def test_whose_fault_a_refusal_is_stands_in_the_error(server):
    server.answers(Status(400, code="context_length_exceeded"), Status(400, code="content_filter"), Status(400))
    assert [ask(endpoint(server)).conversation_fault for _ in range(3)] == ["too long", "filtered", ""]


@pytest.mark.parametrize("secret", ["me:swordfish@{}", "{}?api-key=swordfish", "{}#swordfish", "me%3Aswordfish%40{}"])
def test_a_secret_in_the_address_is_refused_unseen(secret, server, monkeypatch):
    host = server.url.removeprefix("http://")
    url = "http://" + secret.format(host)
    with pytest.raises(ValueError, match="export OPENAI_API_KEY=") as error:
        ChatEndpoint("some-model", url, KEY)
    assert "swordfish" not in str(error.value)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(ValueError, match="OPENAI_BASE_URL holds more than an address"):
        ChatEndpoint("some-model", None, KEY)


def test_a_key_is_hidden_wherever_a_server_repeats_it(server):
    for answer in (
        Status(429, KEY, retry_after=f"600, {KEY}"),
        Text(None, refusal=KEY),
        Text("", f"error {KEY}"),
        Body(json.dumps({"error": {"message": "x" * 3990 + KEY, "code": KEY}}).encode(), status=400),
    ):
        server.default = answer
        assert KEY[:8] not in str(ask(endpoint(server, retries=0)))


def test_a_key_is_hidden_before_a_text_is_cut(server):
    """A server that repeats the key where the message is cut would show its beginning."""
    for length in range(280, 300):
        server.default = Status(400, "x" * length + KEY)
        assert KEY[:12] not in str(ask(endpoint(server)))
    server.default = Status(400, f"no such key {KEY[:25]}***")
    assert KEY[:12] not in str(ask(endpoint(server)))
    server.default = Body(b"<html>" + b"x" * 185 + KEY.encode())
    assert KEY[:12] not in str(ask(endpoint(server)))


def test_a_fault_stays_its_own(server):
    server.default = lambda request: Status(400) if request.words == "2" else Text(request.words)
    answers = endpoint(server).complete([[Message("user", str(n))] for n in range(4)], [None] * 4)
    assert [getattr(answer, "text", None) for answer in answers] == ["0", "1", None, "3"]
    assert isinstance(answers[2], ChatError)


def test_a_server_that_does_not_run_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        error = ask(ChatEndpoint("some-model", url, KEY, retries=0))
    assert isinstance(error, ChatError) and error.status is None
    assert str(error).startswith(f"{url}: model some-model cannot be reached (")
    assert "refused" in str(error) and "is the server running?" in str(error)


@pytest.mark.parametrize("dropped", [Dropped(), Dropped(after=40)], ids=["at once", "in the middle"])
def test_a_dropped_connection_is_tried_again(dropped, server):
    server.answers(dropped)
    assert ask(endpoint(server, retries=1)).text == "Yes."
    server.answers(dropped)
    error = ask(endpoint(server, retries=0))
    assert isinstance(error, ChatError) and "cannot be reached (" in str(error)


def test_a_server_that_does_not_answer_is_not_waited_for(server):
    server.default = Slow()
    error = ask(endpoint(server, timeout=0.2, retries=1))
    assert isinstance(error, ChatError) and (error.status, error.tries) == (None, 2)
    assert "did not answer in time after 2 tries; raise the timeout" in str(error)


def test_a_path_that_is_wrong_says_how_a_base_url_ends(server):
    error = ask(ChatEndpoint("some-model", server.url.removesuffix("/v1"), KEY))
    assert error.status == 404 and "often in /v1" in str(error)


def test_a_programming_error_is_raised(server):
    with pytest.raises(AttributeError):
        endpoint(server).complete([["not a message"]], [None])


# Several servers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair():
    with OpenAIServer() as first, OpenAIServer() as second:
        yield first, second


@contextlib.contextmanager
def dead_url():
    """The URL of a server that does not run, and a port that nobody else can take meanwhile."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def conversations(number):
    return [[Message("user", f"Say {n}.")] for n in range(number)]


def told(request):
    return Text(f"{request.words} with {request.body['seed']}")


def test_several_servers_share_the_requests_and_the_answers_are_those_of_one(pair, server):
    for one in (*pair, server):
        one.default = told
    model = ChatEndpoint("some-model", f"{pair[0].url}/, {pair[1].url} ,", KEY)
    shared = model.complete(conversations(12), range(12))
    assert shared == endpoint(server).complete(conversations(12), range(12))
    counts = [len(one.requests) for one in pair]
    assert sum(counts) == 12 and min(counts) >= 1
    assert model.facts()["base_url"] == f"{pair[0].url}, {pair[1].url}"
    hosts = [{request.headers["host"] for request in one.requests} for one in pair]
    assert hosts == [{one.url.removeprefix("http://").removesuffix("/v1")} for one in pair]
    assert {request.headers["authorization"] for one in pair for request in one.requests} == {f"Bearer {KEY}"}


def test_a_server_that_fails_leaves_its_requests_to_the_others_and_each_is_answered_and_counted_once(pair, server):
    broken, works = pair
    broken.default = Status(503, "loading")
    works.default = server.default = told
    with dead_url() as dead:
        model = ChatEndpoint("some-model", ",".join((dead, broken.url, works.url)), KEY, retries=0, concurrency=1)
        answers = model.complete(conversations(6), range(6))
    assert answers == endpoint(server).complete(conversations(6), range(6))
    assert sum(answer.completion_tokens for answer in answers) == 6 * 4
    assert (len(broken.requests), len(works.requests)) == (1, 6)


def test_servers_that_all_fail_are_all_named(pair):
    for one in pair:
        one.default = Status(500, "out of memory", retry_after=0.001)
    with dead_url() as dead:
        urls = (pair[0].url, dead, pair[1].url)
        error = ask(ChatEndpoint("some-model", ",".join(urls), KEY, retries=1))
    assert isinstance(error, ChatError) and error.tries == 2
    assert str(error).startswith(f"{', '.join(urls)}: model some-model ") and "after 2 tries; " in str(error)
    assert [len(one.requests) for one in pair] == [2, 2]


def test_what_one_of_several_servers_refuses_is_told_of_that_one(pair):
    pair[1].default = Status(401, "who are you?")
    model = ChatEndpoint("some-model", ",".join(one.url for one in pair), KEY, concurrency=1)
    fine, error = model.complete(conversations(2), [1, 2])
    assert fine.text == "Yes." and str(error).startswith(f"{pair[1].url}: model some-model answered 401")


def test_a_parameter_that_one_server_refuses_is_sent_to_none(pair):
    pair[0].default = pair[1].default = strict("seed")
    model = ChatEndpoint("some-model", ",".join(one.url for one in pair), KEY, concurrency=1)
    assert [answer.text for answer in model.complete(conversations(3), range(3))] == ["Yes."] * 3
    assert ["seed" in request.body for one in pair for request in one.requests].count(True) == 1


@pytest.mark.parametrize("second", ["http://me:swordfish@{}", "http://{}?key=swordfish", "swordfish", "http://a b"])
def test_a_secret_in_the_second_address_is_refused_unseen(second, server, monkeypatch):
    urls = f"{server.url},{second.format('host/v1')}"
    for given in (urls, None):
        monkeypatch.setenv("OPENAI_BASE_URL", urls)
        with pytest.raises(ValueError, match="OPENAI_BASE_URL|the base URL") as error:
            ChatEndpoint("some-model", given, KEY)
        assert "swordfish" not in str(error.value)


def test_a_proxy_stands_before_the_others_only(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    model = ChatEndpoint("some-model", f"http://elsewhere.invalid/v1,{server.url}", KEY, retries=0, concurrency=1)
    assert [answer.text for answer in model.complete(conversations(2), [1, 2])] == ["Yes."] * 2
    assert len(server.requests) == 2
