"""What servers say in their errors, in their own words, as they were published in bug reports."""

import json

import pytest

from mirror.chat.errors import ServerError

SENT = {
    "temperature": 0.7,
    "top_p": 0.9,
    "max_tokens": 128,
    "frequency_penalty": 0.2,
    "presence_penalty": 0.2,
    "seed": 7,
    "response_format": {"type": "json_schema"},
}


def openai(message, param=None, code=None):
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


EXTRA = "Extra inputs are not permitted"
BOTH = ["frequency_penalty", "presence_penalty"]
REFUSED = {
    "OpenAI, value": (
        400,
        openai("Unsupported value: 'temperature' does not support 0.7 with this model.", "temperature"),
        ["temperature"],
    ),
    "OpenAI, parameter": (400, openai("Unsupported parameter: 'top_p' is not supported with this model."), ["top_p"]),
    "OpenAI, its place alone": (400, openai("Invalid request", "top_p", "unsupported_parameter"), ["top_p"]),
    "OpenAI, limit": (
        400,
        openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'"),
        ["max_tokens"],
    ),
    "Azure": (400, openai("Unrecognized request argument supplied: seed"), ["seed"]),
    "Anthropic, both": (
        400,
        openai("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
        ["top_p"],
    ),
    "Anthropic, thinking": (400, openai("`temperature` may only be set to 1 when thinking is on"), ["temperature"]),
    "Moonshot": (400, openai("invalid temperature: only 1 is allowed for this model"), ["temperature"]),
    "xAI": (
        400,
        {"code": "Client specified an invalid argument", "error": "Argument not supported: presencePenalty"},
        ["presence_penalty"],
    ),
    "Gemini, a list": (
        400,
        [{"error": {"code": 400, "message": 'Unknown name "frequency_penalty": Cannot find field.\n'
                    'Unknown name "seed": Cannot find field.', "status": "INVALID_ARGUMENT"}}],
        ["frequency_penalty", "seed"],
    ),
    "Gemini, penalties": (400, {"error": {"code": 400, "message": "Penalty is not enabled for this model"}}, BOTH),
    "Mistral": (
        422,
        {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": EXTRA,
                                                    "input": {"temperature": 1}} for name in BOTH]}},
        BOTH,
    ),
    "Mistral through a proxy": (
        422,
        {"message": json.dumps({"detail": [{"loc": ["body", "seed"], "msg": EXTRA}]}), "type": "internal_error_proxy"},
        ["seed"],
    ),
    "NVIDIA": (422, {"detail": f"body -> frequency_penalty\n  {EXTRA} (type=extra_forbidden)"}, ["frequency_penalty"]),
    "Groq": (
        400,
        openai("'response_format.type' : value is not one of the allowed values ['text','json_object']"),
        ["response_format"],
    ),
    "DeepSeek": (400, openai("This response_format type is unavailable now"), ["response_format"]),
    "llama.cpp": (
        500,
        {"error": {"code": 500, "message": 'response_format type must be one of "text" or "json_object", but got: x'}},
        ["response_format"],
    ),
    "Ollama": (
        400,
        openai("json: cannot unmarshal number 5e18 into Go struct field ChatCompletionRequest.seed of type int"),
        ["seed"],
    ),
    "a seed out of range": (422, {"error": "Input validation error: `seed` must be less than 65536"}, ["seed"]),
    "through OpenRouter": (
        400,
        {"error": {"message": "Provider returned error", "code": 400,
                   "metadata": {"raw": '{"error":{"message":"Unsupported parameter: top_p"}}'}}},
        ["top_p"],
    ),
    # Not the parameter but its value, or nothing of a parameter: the user's to change.
    "out of range": (400, openai("Invalid 'temperature': decimal above maximum value. Expected a value <= 2"), []),
    "TGI, out of range": (422, {"error": "Input validation error: `top_p` must be > 0.0 and < 1.0"}, []),
    "a limit too large": (400, openai("max_tokens is too large: 128. This model supports at most 64 tokens"), []),
    "the key": (401, openai("unsupported key; temperature is high"), []),
    "the model": (404, openai("The model `x` does not exist"), []),
    "the server": (500, openai("temperature sensor failed"), []),
    "the length": (
        400,
        openai("'max_tokens' is too large: 128. This model's maximum context length is 4096 tokens", "max_tokens"),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("status, body, names", REFUSED.values(), ids=REFUSED)
def test_a_parameter_that_a_server_does_not_take_is_known_by_its_words(status, body, names):
    assert sorted(ServerError.parse(status, json.dumps(body)).unsupported(SENT)) == sorted(names)


def test_a_value_that_changes_nothing_is_left_out_where_it_is_out_of_range():
    fault = ServerError.parse(422, '{"error": "Input validation error: `top_p` must be > 0.0 and < 1.0"}')
    assert fault.unsupported(SENT | {"top_p": 1.0}) == ["top_p"]


OWN = {
    "OpenAI": (400, openai("Your input exceeds the context window", code="context_length_exceeded"), "too long"),
    "OpenAI, a string": (400, openai("Invalid 'messages[1].content': string too long.", "x"), "too long"),
    "vLLM": (400, {"message": "This model's maximum context length is 4096 tokens. However"}, "too long"),
    "vLLM, prompt": (400, openai("The decoder prompt (length 5301) is longer than the maximum"), "too long"),
    "vLLM, pictures": (400, openai("At most 4 image(s) may be provided in one prompt."), "too long"),
    "llama.cpp": (500, {"error": {"message": "Context size has been exceeded.", "type": "server_error"}}, "too long"),
    "Anthropic": (400, openai("prompt is too long: 210000 tokens > 200000 maximum"), "too long"),
    "Gemini": (400, openai("The input token count (1200000) exceeds the maximum number of tokens allowed"), "too long"),
    "TGI": (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048"}, "too long"),
    "DashScope": (400, openai("Range of input length should be [1, 30720]"), "too long"),
    "a proxy": (413, "<html>Request Entity Too Large</html>", "too long"),
    "Azure": (400, openai("The response was filtered", "prompt", "content_filter"), "filtered"),
    "DashScope, filter": (400, openai("Input data may contain inappropriate content.", code="x"), "filtered"),
    "DeepSeek": (400, openai("Content Exists Risk"), "filtered"),
    "OpenRouter": (403, {"error": {"message": "It requires moderation and your input was flagged"}}, "filtered"),
    "Groq": (400, openai("Failed to generate JSON.", code="json_validate_failed"), "no form"),
    "the key": (401, openai("Incorrect API key provided"), ""),
    "the model": (404, openai("The model does not exist"), ""),
    "a parameter": (400, openai("Unsupported parameter: 'top_p' is not supported with this model."), ""),
}  # fmt: skip


@pytest.mark.parametrize("status, body, own", OWN.values(), ids=OWN)
def test_a_fault_of_one_conversation_is_told_from_those_of_all(status, body, own):
    assert ServerError.parse(status, json.dumps(body)).conversation_fault == own


INSIDE = {
    "a number": ({"error": {"message": "Provider returned error", "code": 429}}, 429),
    "a word": ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429),
    "its message": ({"error": {"message": "Rate limit exceeded: free-models-per-day"}}, 429),
    "the server's": ({"error": {"message": "oops", "type": "server_error"}}, 502),
    "beside a choice": ({"error": {"message": "down", "code": 503}, "choices": [{"message": {"content": None}}]}, 503),
    "in the choice": ({"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "cut"}}]}, 502),
    "a text": ({"error": "no such thing"}, 200),
    "a list": ([{"error": {"code": 400, "message": "bad"}}], 400),
    "none": ({"choices": [{"message": {"content": "error"}}], "error": None}, None),
    "no object": ([1, 2], None),
}


@pytest.mark.parametrize("body, status", INSIDE.values(), ids=INSIDE)
def test_an_error_inside_a_200_has_the_status_that_it_should_have_had(body, status):
    fault = ServerError.in_success(json.dumps(body))
    assert (fault and fault.status) == status


@pytest.mark.parametrize(
    "body", ["", "<html>", "[" * 100_000, '{"error": {"error": {"error": 1}}}', "null", "3", '"x"']
)
def test_whatever_a_body_is_it_is_read(body):
    assert ServerError.parse(400, body).unsupported(SENT) == [] and ServerError.parse(500, body).message
