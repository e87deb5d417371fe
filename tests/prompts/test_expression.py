"""The description of a face: the prompt asks for two lines, and the parser reads them out of what models answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.prompts import (
    FacialExpression,
    MissingDescription,
    Utterance,
    expression_prompt,
    format_expression,
    parse_expression,
)

SKEPTICAL = FacialExpression("one brow raised, lips pressed", "wide smile, soft eyes")

ANSWERS = {
    "as asked": """Facial Expression Description: one brow raised, lips pressed
Contrasting Facial Expression Description: wide smile, soft eyes""",
    "blank lines": """

Facial Expression Description: one brow raised, lips pressed


Contrasting Facial Expression Description: wide smile, soft eyes

""",
    "the other order": """Contrasting Facial Expression Description: wide smile, soft eyes
Facial Expression Description: one brow raised, lips pressed""",
    "another case": """FACIAL EXPRESSION DESCRIPTION: one brow raised, lips pressed
contrasting facial expression description : wide smile, soft eyes""",
    "bullets": """- Facial Expression Description: one brow raised, lips pressed
* Contrasting Facial Expression Description: wide smile, soft eyes""",
    "numbers": """1. Facial Expression Description: one brow raised, lips pressed
2) Contrasting Facial Expression Description: wide smile, soft eyes""",
    "bold": """**Facial Expression Description:** one brow raised, lips pressed
**Contrasting Facial Expression Description**: *wide smile, soft eyes*""",
    "all of it": """1. **Facial Expression Description:** "one brow raised, lips pressed"

2. **Contrasting Facial Expression Description:** “wide smile, soft eyes”""",
    "headings": """### Facial Expression Description
one brow raised, lips pressed
### Contrasting Facial Expression Description

wide smile, soft eyes""",
    "value below": """Facial Expression Description:

one brow raised, lips pressed
Contrasting Facial Expression Description:
wide smile, soft eyes""",
    "list below": """**Facial Expression Description:**
- one brow raised
- lips pressed.

**Contrasting Facial Expression Description:**
1. wide smile,
2. soft eyes
I hope this helps.""",
    "prose around": """Sure! Here are the facial expression descriptions:

Facial Expression Description: one brow raised, lips pressed
Contrasting Facial Expression Description: wide smile, soft eyes

Note that this facial expression is subtle: it may be missed.""",
    "both in one line": "Facial Expression Description: one brow raised, lips pressed "
    "**Contrasting Facial Expression Description:** wide smile, soft eyes",
    "twice": """Facial Expression Description: one brow raised, lips pressed
Contrasting Facial Expression Description: wide smile, soft eyes
Facial Expression Description: something else
Contrasting Facial Expression Description: something else""",
    "shorter labels": """Facial expression: one brow raised, lips pressed
Contrasting facial expression: wide smile, soft eyes""",
    "a dash": """Facial Expression Description - one brow raised, lips pressed
Contrasting Facial Expression Description — wide smile, soft eyes""",
    "json": """{"Facial Expression Description": "one brow raised, lips pressed",
"Contrasting Facial Expression Description": "wide smile, soft eyes"}""",
    "windows": "Facial Expression Description: one brow raised, lips pressed\r\n"
    "Contrasting Facial Expression Description: wide smile, soft eyes\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_two_lines_are_read(answer):
    assert parse_expression(answer) == SKEPTICAL


BROKEN = {
    "empty": ("", "'Facial Expression Description: …' and no line 'Contrasting Facial Expression Description: …'"),
    "prose": ("I cannot help with that.", "found 'I cannot help with that.'"),
    "no contrast": ("Facial Expression Description: a frown", "no line 'Contrasting Facial"),
    "no expression": ("Contrasting Facial Expression Description: a frown", "no line 'Facial"),
    "empty contrast": (
        "Facial Expression Description: a frown\nContrasting Facial Expression Description: **\n",
        "no line 'Contrasting Facial",
    ),
    "empty expression": (
        "Facial Expression Description:\nContrasting Facial Expression Description: a smile",
        "no line 'Facial",
    ),
    "cut off": ("Facial Expression Description: a frown\nContrasting Facial Expr", "no line 'Contrasting Facial"),
}


@pytest.mark.parametrize("answer, message", BROKEN.values(), ids=BROKEN)
def test_a_missing_line_is_named(answer, message):
    with pytest.raises(MissingDescription, match=re.escape(message)) as error:
        parse_expression(answer)
    assert repr(answer) in str(error.value)


def test_a_long_answer_is_shown_in_part():
    with pytest.raises(MissingDescription) as error:
        parse_expression("x" * 100_000)
    assert len(str(error.value)) < 500


FEATURES = st.lists(
    st.text(st.characters(categories=["L"]), min_size=1).map(lambda word: word + " brows"), min_size=1, max_size=5
).map(", ".join)


@given(FEATURES, FEATURES)
def test_what_is_written_is_read_back(shown, contrast):
    expression = FacialExpression(shown, contrast)
    assert parse_expression(format_expression(expression)) == expression


@given(st.text())
def test_any_text_is_read_or_refused_by_name(text):
    try:
        expression = parse_expression(f"{text}\n{format_expression(SKEPTICAL)}\n{text}")
    except MissingDescription:
        pytest.fail("the two lines are there")
    assert expression == SKEPTICAL


def test_the_prompt_asks_for_the_lines_that_the_parser_reads():
    prompt = expression_prompt("", Utterance("frowns", "No."))
    asked = [line for line in prompt.splitlines() if line.endswith(">")]
    answer = "\n".join(line.replace("<three to five visible features>", f"feature {n}") for n, line in enumerate(asked))
    assert parse_expression(answer) == FacialExpression("feature 0", "feature 1")


def test_the_prompt_holds_dialogue_and_utterance_word_for_word():
    history = "Therapist: How {are} you?\nClient: {history} %s"
    prompt = expression_prompt(history, Utterance("looks {down}", "Fine {utterance}."))
    assert history in prompt
    assert "Client: [looks {down}] Fine {utterance}." in prompt


def test_the_prompt_of_a_session_that_begins_says_so():
    assert "the session begins" in expression_prompt(" \n", Utterance("frowns", ""))
