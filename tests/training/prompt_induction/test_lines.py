"""The lines of a prompt: what of each may be shared by other prompts, and what certainly belongs to a field."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.training.prompt_induction.lines import (
    MASK,
    Key,
    is_bulleted,
    is_plan_label,
    label_field,
    labelled_field,
    line_keys,
    read_lines,
    technique_spans,
)

PARTS = [
    "Reason: work",
    "- Plan:",
    "1. Ask.",
    "Client: Hm.",
    "Therapist:",
    "Use a Pie Chart now.",
    "  more",
    "",
    "Not found",
]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("What would you say?", [("line", "What would you say?")]),
        ("Reason: I worry.", [("line", "Reason: I worry."), ("label", "Reason:")]),
        ("- **Reason:** I worry.", [("line", "- **Reason:** I worry."), ("label", "- **Reason:**")]),
        ("Reason: Not found.", [("label", "Reason:")]),
        ("Not found", []),
        ("12:30 is late", [("line", "12:30 is late")]),
        (
            "Technique: Pie Chart",
            [("line", "Technique: Pie Chart"), ("technique", f"Technique: {MASK}"), ("label", "Technique:")],
        ),
        (
            "Use Reality Testing or a pie chart.",
            [("line", "Use Reality Testing or a pie chart."), ("technique", f"Use {MASK} or a {MASK}.")],
        ),
    ],
)
def test_the_keys_of_a_line_begin_with_the_most_specific(text, keys):
    assert line_keys(text) == tuple(Key(*key) for key in keys)


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("Client's Personal Information:", "personal_information"),
        ("Reason for seeking counselling:", "reason_for_counseling"),
        ("- Current emotional state:", "client_emotional_state"),
        ("CBT technique:", "technique"),
        ("Counseling Planning:", "plan"),
        ("Blood type:", "blood_type"),
    ],
)
def test_a_label_names_a_field_in_any_of_its_spellings(label, field):
    assert label_field(label) == field == labelled_field(f"{label} x")


def test_a_line_without_a_label_names_no_field():
    assert labelled_field("What would you say?") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Counseling Plan:", True),
        ("- **Planning:**", True),
        ("Plan: 1. Ask.", False),
        ("Planet:", False),
        ("plan", False),
    ],
)
def test_a_plan_begins_below_its_label(text, expected):
    assert is_plan_label(text) is expected


def test_a_key_is_bulleted_where_its_label_is():
    assert is_bulleted(Key("label", "- Plan:")) and is_bulleted(Key("line", "• Plan: x"))
    assert not is_bulleted(Key("label", "Plan:")) and not is_bulleted(Key("line", "- no label"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=8).map("\n".join))
def test_lines_stand_where_they_say_and_blank_ones_are_left_out(prompt):
    lines = read_lines(prompt)
    assert [line.text for line in lines] == [text for text in prompt.split("\n") if text.strip()]
    for line in lines:
        assert prompt[line.start :].startswith(line.text)
        assert all(line.start < line.constant_end(key) <= line.start + len(line.text) for key in line.keys)
        spans = technique_spans(line.text)
        assert spans == sorted(spans) and all(line.text[start:end].strip() for start, end in spans)


def kinds(prompt):
    """`c` constant or field, `u` utterance, `s` step; of each line that is not blank."""
    return "".join("s" if line.weak else "c" if line.keys else "u" for line in read_lines(prompt))


def test_all_between_the_first_and_the_last_utterance_is_dialogue_and_a_bare_label_at_the_end_is_none():
    assert kinds("Read:\nClient: Hm.\nand more\nTherapist: Yes.\nWhat now?") == "cuuuc"
    assert kinds("Read:\nClient: Hm.\nTherapist:") == "cuc"


def test_steps_and_what_is_indented_below_them_belong_to_the_plan():
    lines = read_lines("Plan:\n1. Ask.\n  How often?\n2. Wait.\nReason: work")
    assert [line.weak for line in lines] == [False, True, False, True, False]
    assert [bool(line.keys) for line in lines] == [True, True, False, True, True]
    assert [line.opener for line in lines] == [True, True, False, True, True]


def test_bullets_below_a_plans_label_are_its_steps_and_elsewhere_they_are_labels():
    assert [line.weak for line in read_lines("Plan:\n- First: ask.\n- Then: wait.")] == [False, True, True]
    assert [line.weak for line in read_lines("- Reason: work\n- Mood: sad")] == [False, False]


def test_a_line_without_a_bullet_among_bulleted_labels_continues_the_one_above():
    assert [line.weak for line in read_lines("- Reason: work\nand sleep\n- Mood: sad\nWhat now?")] == [
        False,
        True,
        False,
        False,
    ]
