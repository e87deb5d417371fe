"""Templates: rendering and parsing are inverse, and what could not be parsed is rejected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts import (
    PromptTemplate,
    own_template,
)


@settings(max_examples=40, deadline=None)
@given(
    st.fixed_dictionaries(
        {name: st.text() | st.just("{dialogue} {0} {{}") for name in own_template("response", "ec_planning").fields}
    )
)
def test_parse_is_the_inverse_of_render(fields):
    template = own_template("response", "ec_planning")
    assert template.parse(template.render(**fields)) == fields


@settings(max_examples=50, deadline=None)
@given(prompt=st.text("ab{}:"), constants=st.lists(st.text("ab{}:", min_size=1, max_size=2), min_size=4, max_size=4))
def test_what_parse_reads_render_writes(prompt, constants):
    before, between, then, behind = (part.replace("{", "{{").replace("}", "}}") for part in constants)
    template = PromptTemplate("x", f"{before}{{first}}{between}{{second}}{then}{{first}}{behind}")
    assert template.fields == ("first", "second")
    assert template.parse(template.render(first="1", second="23")) == {"first": "1", "second": "23"}
    fields = template.parse(prompt)
    assert fields is None or template.render(**fields) == prompt


def test_braces_of_a_field_stay_literal():
    template = PromptTemplate("x", "Say {{json}} of {words}.")
    assert template.render(words="{words} {0} {{") == "Say {json} of {words} {0} {{."


def test_parse_refuses_a_prompt_with_any_constant_changed():
    template = own_template("response", "base")
    prompt = template.render(personal_information="1", reason_for_counseling="2", dialogue="3")
    changed = [prompt[:at] + "#" + prompt[at + 1 :] for at in range(len(prompt)) if prompt[at] not in "123"]
    assert len(changed) > 100
    assert [each for each in changed if template.parse(each) is not None] == []
    assert template.parse(prompt + "\n") is None
    assert PromptTemplate("x", "Only this.").parse("Only this.") == {}
    assert PromptTemplate("x", "Only this.").parse("Only this. ") is None


def test_a_field_that_stands_twice_must_say_the_same_twice():
    template = PromptTemplate("x", "{a}, then {a}!")
    assert template.parse("go, then go!") == {"a": "go"}
    assert template.parse("go, then stop!") is None


def test_a_dialogue_begins_at_an_utterance_though_the_reason_has_several_lines():
    template = PromptTemplate("x", "Why: {reason}\n{technique}\n{plan}\n{dialogue}\nGo.")
    fields = {"reason": "a\nb\nc", "technique": "Pie Chart", "plan": "1. a\n2. b", "dialogue": "Client: a\nb"}
    assert template.parse(template.render(**fields)) == fields


@pytest.mark.parametrize(
    ("given_fields", "message"),
    [
        ({"personal_information": "a", "dialogue": "b"}, "needs the field reason_for_counseling"),
        (
            {"personal_information": "a", "dialogue": "b", "reason_for_counseling": "c", "plan": "d"},
            "has no field plan",
        ),
    ],
)
def test_render_names_a_missing_and_an_unknown_field(given_fields, message):
    with pytest.raises(ValueError, match=message):
        own_template("response", "base").render(**given_fields)


@pytest.mark.parametrize("text", ["{a}{b}", "{", "{0}", "{a!r}", "{a:>3}", "{}"])
def test_a_template_that_could_not_be_read_back_is_refused(text):
    with pytest.raises(ValueError, match="template of response"):
        PromptTemplate("response", text)
