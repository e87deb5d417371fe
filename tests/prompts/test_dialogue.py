"""Dialogues as text: writing and reading are inverse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts import (
    format_dialogue,
    own_template,
    parse_dialogue,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["therapist", "client"]), st.text() | st.text("\n :TherapistClient"))))
def test_dialogue_round_trips(utterances):
    assert parse_dialogue(format_dialogue(utterances)) == tuple(utterances)


def test_dialogue_lines_and_the_words_that_look_like_one():
    spoken = [("client", ""), ("therapist", "Tell me: why?\nClient: no,\n Therapist: yes"), ("client", "Well.")]
    text = format_dialogue(spoken)
    assert text == "Client: \nTherapist: Tell me: why?\n Client: no,\n  Therapist: yes\nClient: Well."
    assert parse_dialogue(text) == tuple(spoken)
    assert parse_dialogue("Client:\nTherapist: Hi") == (("client", ""), ("therapist", "Hi"))


def test_no_utterance_is_the_empty_text_and_survives_the_prompt():
    template = own_template("response", "base")
    prompt = template.render(personal_information="a", reason_for_counseling="b", dialogue=format_dialogue([]))
    assert parse_dialogue(template.parse(prompt)["dialogue"]) == ()


def test_dialogue_refuses_unknown_roles_and_text_without_a_role():
    with pytest.raises(ValueError, match="'Therapist'.*therapist, client"):
        format_dialogue([("Therapist", "a")])
    with pytest.raises(ValueError, match="'Hello'"):
        parse_dialogue("Hello\nClient: a")
