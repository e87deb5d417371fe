"""What the page sends is checked once: its kind, its fields, and the texts that a person typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mirror.exploration.actions import Action, Begin, GivePortrait, Say
from mirror.files.text_file import control_character, lone_surrogate

ACTION = TypeAdapter(Action)


def test_an_action_is_read_by_its_name():
    assert ACTION.validate_json('{"action": "begin", "client": "60"}') == Begin(client="60")
    found = ACTION.validate_json('{"action": "portrait", "picture": "aGk=", "about": {"gender": "man"}}')
    assert isinstance(found, GivePortrait) and (found.picture, found.about.gender) == (b"hi", "man")


@pytest.mark.parametrize(
    "sent",
    [
        "no JSON",
        "{}",
        '{"action": "shout"}',
        '{"action": "say", "cue": ""}',
        '{"action": "say", "cue": "", "words": 3}',
        '{"action": "say", "cue": "", "words": "", "seed": 1}',
        '{"action": "say", "cue": "", "words": "a\\u0000b"}',
        '{"action": "say", "cue": "", "words": "a\\ud800b"}',
        '{"action": "vote", "vote": "third"}',
    ],
)
def test_what_is_no_action_is_refused(sent):
    with pytest.raises(ValidationError):
        ACTION.validate_json(sent)


@given(st.text(st.characters(), max_size=60))
def test_a_text_is_taken_as_it_was_typed_or_refused(text):
    odd = lone_surrogate(text) or control_character(text)
    try:
        assert Say(cue=text, words=text).words == text and not odd
    except ValidationError:
        assert odd


def test_a_text_that_is_too_long_is_refused_with_its_length():
    with pytest.raises(ValidationError, match="has 20,001 characters, at most 20,000 are read; shorten it"):
        Say(cue="", words="a" * 20_001)
