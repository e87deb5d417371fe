"""What is still sent after a server has refused something, and what the record says of it."""

import functools
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.chat.errors import ServerError
from mirror.chat.parameters import REASON_LENGTH, Parameters, fold_seed

SAMPLING = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 9}
SCHEMA = {"type": "json_schema", "json_schema": {}}


def parameters(limit_name="max_tokens"):
    return Parameters("http://host/v1", SAMPLING, limit_name)


def refusal(*names):
    return ServerError(400, "unsupported_parameter", (), names, f"Unsupported parameter: {' '.join(names)}")


def learn(found, sent, *names):
    return found.learn(refusal(*names), sent, "as the test asked")


@given(st.integers(0, 2**200))
def test_a_seed_is_folded_from_its_digits_of_31_bits(seed):
    digits = [seed >> shift & 2**31 - 1 for shift in range(0, 217, 31)]
    assert fold_seed(seed) == functools.reduce(operator.xor, digits)
    assert fold_seed(fold_seed(seed)) == fold_seed(seed)


def test_a_request_has_the_sampling_and_what_is_meant_for_it():
    found = parameters()
    assert found.accepted(None, None, None) == SAMPLING
    assert found.accepted(2**31, SCHEMA, 5) == {**SAMPLING, "max_tokens": 5, "seed": 1, "response_format": SCHEMA}
    assert parameters("max_completion_tokens").accepted(None, None, None) == {
        "temperature": 0.7,
        "top_p": 0.9,
        "max_completion_tokens": 9,
    }


def test_what_is_refused_is_left_out_and_recorded_with_its_value_and_reason():
    found = parameters()
    assert found.learn(refusal("top_p", "seed"), found.accepted(7, None, None), "x" * 999)
    assert found.accepted(8, None, None) == {"temperature": 0.7, "max_tokens": 9}
    reason = "x" * REASON_LENGTH
    left_out = {"top_p": {"value": 0.9, "reason": reason}, "seed": {"value": 7, "reason": reason}}
    assert found.facts() == {"temperature": 0.7, "max_tokens": 9, "seed_bits": 31, "left_out": left_out}


def test_an_error_about_no_parameter_teaches_nothing():
    found = parameters()
    error = ServerError(500, "", (), (), "The server is overloaded")
    assert not found.learn(error, found.accepted(7, None, None), "overloaded")
    assert found.accepted(None, None, None) == SAMPLING and "left_out" not in found.facts()


@pytest.mark.parametrize(
    "first, second", [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
def test_the_limit_changes_its_name_once_and_is_never_left_out(first, second):
    found = parameters(first)
    sent = found.accepted(None, None, None)
    assert learn(found, sent, first)
    renamed = found.accepted(None, None, None)
    assert renamed == {"temperature": 0.7, "top_p": 0.9, second: 9}
    assert found.facts()["left_out"] == {first: {"value": 9, "reason": "as the test asked", "sent_as": second}}
    assert learn(found, sent, first), "a request that was under way is repeated under the new name"
    assert not learn(found, renamed, second)
    assert found.accepted(None, None, None) == renamed and found.facts()["max_tokens"] == 9


def test_a_form_gives_way_to_any_json_and_then_to_none():
    found = parameters()
    forms = []
    for _ in range(3):
        sent = found.accepted(None, SCHEMA, None)
        forms.append(sent.get("response_format"))
        learn(found, sent, "response_format")
    assert forms == [SCHEMA, {"type": "json_object"}, None]
    assert found.facts()["left_out"]["response_format"]["value"] == ["json_schema", "json_object"]


def test_one_refusal_seen_by_several_requests_is_logged_once(caplog):
    found = parameters()
    sent = found.accepted(7, SCHEMA, None)
    for name in ("top_p", "response_format"):
        assert learn(found, sent, name) and learn(found, sent, name)
    assert [record.getMessage() for record in caplog.records] == [
        "http://host/v1: top_p = 0.9 is refused and is left out from now on (as the test asked)",
        "http://host/v1: response_format = ['json_schema'] is refused and is left out from now on (as the test asked)",
    ]
