"""The JSON of a server: whole characters only, and a ValueError for everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.services.server_json import parsed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_sound_json_is_read_as_it_is(value):
    assert parsed(json.dumps(value)) == value


@pytest.mark.parametrize(
    "body, value",
    [
        (r'"a\ud83d"', "a\ufffd"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'{"\udc00": [{"x": "\ud83d!"}, ["\ud83d"]]}', {"\ufffd": [{"x": "\ufffd!"}, ["\ufffd"]]}),
    ],
    ids=["half a pair", "a pair", "at every depth"],
)
def test_half_a_character_is_replaced(body, value):
    assert parsed(body) == value


@pytest.mark.parametrize("body", ["", "<html>", '{"a": ', "[" * 100_000, "9" * 100_000])
def test_what_is_no_json_is_a_value_error(body):
    with pytest.raises(ValueError):
        parsed(body)
