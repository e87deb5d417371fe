"""The client's prompt, and what is read of a model's answer to it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.prompts import Utterance, format_utterance, parse_utterance
from mirror.prompts.client import BEGIN, EXCHANGES, RESISTANCES, TEMPLATES, UNKNOWN, client_prompt, parse_answer

PERSON = {
    "personal_info": "Luis, 50, a cleaner, lives with family",
    "distorted_thought": "everyone will laugh at me",
    "reason": "I have to give a talk at work and I can't sleep.",
}


# The prompt -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_the_prompt_tells_who_the_person_is_and_how_to_write(resistance):
    prompt = client_prompt(resistance=resistance, **PERSON)
    assert all(prompt.count(text) == 1 for text in PERSON.values())
    assert "Client: [visible cue] spoken words" in prompt
    assert "first utterance is a visible cue only" in prompt
    assert "[/END]" in prompt and "two full exchanges" in prompt
    assert not re.search(r"\{\w*\}", prompt) and not prompt.endswith("\n")


def test_each_resistance_has_a_paragraph_of_its_own():
    prompts = [client_prompt(resistance=resistance, **PERSON) for resistance in RESISTANCES]
    paragraphs = [set(prompt.split("\n")) for prompt in prompts]
    shared = set.intersection(*paragraphs)
    own = [lines - shared for lines in paragraphs]
    assert [len(lines) for lines in own] == [1, 1, 1, 1]
    for resistance, (paragraph,) in zip(RESISTANCES[:-1], own[:-1], strict=True):
        assert paragraph.startswith(f"Your resistance is {resistance}: ")


def test_no_word_of_a_cooperative_clients_prompt_demands_resistance():
    prompt = client_prompt(resistance="none", **PERSON).lower()
    for word in ("resist", "refus", "reluct", "argu", "doubt", "avoid", "hostil", "angry", "irritat", "withdraw"):
        assert word not in prompt
    assert "none" not in prompt and "you work together with the counselor" in prompt


def test_an_unknown_resistance_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'Emotional'.* emotional, cognitive, behavioral, none"):
        client_prompt(resistance="Emotional", **PERSON)


def test_what_is_not_known_is_said_to_be_so():
    prompt = client_prompt("", "none", "  \n", "")
    assert prompt.count(UNKNOWN) == 3


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.sampled_from(RESISTANCES))
def test_any_text_of_a_profile_stands_in_the_prompt_as_it_is(person, thought, reason, resistance):
    """Braces and percent signs are text, too."""
    prompt = client_prompt(f"{{end}} {person}x", resistance, f"{{reason}} {thought}x", f"%s {reason}x")
    for text in (f"{{end}} {person}x", f"{{reason}} {thought}x", f"%s {reason}x"):
        assert text.strip() in prompt


def test_every_template_is_shipped_and_the_first_request_asks_for_no_words():
    assert len(TEMPLATES) == 5 and all(path.is_file() for path in TEMPLATES)
    assert "do not speak" in BEGIN


# The answer -----------------------------------------------------------------------------------------------------------

LATER = 3
ANSWERS = {
    "as asked": ("Client: [nods] Yes, that is it.", Utterance("nods", "Yes, that is it.")),
    "with an end": ("Client: [smiles] Thank you. [/END]", Utterance("smiles", "Thank you.", True)),
    "an end alone": ("[/END]", Utterance("", "", True)),
    "without a cue": ("I don't know.", Utterance("", "I don't know.")),
    "with the counselor's line": (
        "Client: [nods] Yes.\nTherapist: How was it?\nClient: [cries] Bad. [/END]",
        Utterance("nods", "Yes."),
    ),
    "with a counselor in bold": ("Client: [nods] Yes.\n\n**Counselor:** Good.", Utterance("nods", "Yes.")),
    "with a counselor in brackets": ("[nods] Yes.\n[Therapist: Good.]", Utterance("nods", "Yes.")),
    "spelled the British way": ("[nods] Yes.\ncounsellor : Good.", Utterance("nods", "Yes.")),
    "with words about a therapist": (
        "Client: [sighs] My old therapist: a nice man. He said: wait.",
        Utterance("sighs", "My old therapist: a nice man. He said: wait."),
    ),
    "the counselor's line alone": ("Therapist: What brings you here?", None),
    "nothing": ("Client:", None),
    "brackets alone": ("[] []", None),
}


@pytest.mark.parametrize("answer, utterance", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_read_up_to_the_counselors_line(answer, utterance):
    assert parse_answer(answer, LATER) == utterance


FIRST = {
    "a cue": ("Client: [looks down]", Utterance("looks down", "")),
    "a cue and words": ("Client: [looks down] Hello. I'm Luis.", Utterance("looks down", "")),
    "a cue in asterisks": ("*looks down* Hello.", Utterance("looks down", "")),
    "a cue and an end": ("Client: [looks down] [/END]", Utterance("looks down", "")),
    "words alone": ("Client: Hello. I'm Luis.", None),
    "an end alone": ("[/END]", None),
}


@pytest.mark.parametrize("answer, utterance", FIRST.values(), ids=FIRST)
def test_the_first_utterance_is_a_cue_only(answer, utterance):
    assert parse_answer(answer, 0) == utterance


@pytest.mark.parametrize("exchanges", range(4))
def test_a_session_does_not_end_before_two_full_exchanges(exchanges):
    utterance = parse_answer("Client: [gets up] That's enough. [/END]", exchanges)
    assert utterance.ended == (exchanges >= 2) and EXCHANGES == 2
    assert utterance.words == ("That's enough." if exchanges else "")
    assert (parse_answer("[/END]", exchanges) is None) == (exchanges < 2)


@settings(deadline=None)
@given(st.text() | st.text("[]Client: Therapist\n/END*", max_size=60), st.integers(0, 4))
def test_any_answer_is_read_or_refused_and_what_is_read_can_be_written(answer, exchanges):
    utterance = parse_answer(answer, exchanges)
    if utterance:
        assert utterance != Utterance("", "")
        assert not (utterance.words and exchanges == 0) and not (utterance.ended and exchanges < 2)
        assert parse_utterance(format_utterance(utterance)) == utterance
