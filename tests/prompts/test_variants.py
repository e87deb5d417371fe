"""The four variants, and our own templates for each."""

import pytest

from mirror.prompts import (
    KINDS,
    TECHNIQUES,
    VARIANTS,
    Variant,
    format_plan,
    own_prompts,
    own_template,
)


def test_the_four_variants_are_two_declared_switches():
    assert {name: (each.ec, each.planning) for name, each in VARIANTS.items()} == {
        "base": (False, False),
        "planning": (False, True),
        "ec": (True, False),
        "ec_planning": (True, True),
    }
    assert Variant.of("planning") is VARIANTS["planning"]


@pytest.mark.parametrize("cot", ["checkpoints/llava-v1.5-7b-mirror_planning", "EC", "plan", ""])
def test_a_variant_is_never_guessed_from_a_path_or_a_part_of_a_name(cot):
    with pytest.raises(ValueError, match="base, planning, ec, ec_planning"):
        Variant.of(cot)
    with pytest.raises(ValueError, match="base, planning, ec, ec_planning"):
        own_template("response", cot)


@pytest.mark.parametrize(
    ("kind", "cot", "fields"),
    [
        ("response", "base", "personal_information reason_for_counseling dialogue"),
        ("response", "ec", "personal_information client_emotional_state reason_for_counseling dialogue"),
        ("response", "planning", "personal_information reason_for_counseling technique plan dialogue"),
        (
            "response",
            "ec_planning",
            "personal_information client_emotional_state reason_for_counseling technique plan dialogue",
        ),
        ("planning", "planning", "personal_information reason_for_counseling dialogue"),
        ("emotion_recognition", "ec", ""),
    ],
)
def test_own_templates_show_the_image_first_and_have_the_fields_of_their_variant(kind, cot, fields):
    template = own_template(kind, cot)
    assert template.kind == kind
    assert template.fields == tuple(fields.split())
    assert template.text.startswith("<image>\n")
    assert template.text.count("<image>") == 1
    assert not template.text.endswith("\n")


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="response, emotion_recognition, planning"):
        own_template("plan", "base")


def test_the_planning_prompt_asks_for_what_its_parser_reads():
    prompt = own_template("planning", "planning").text
    assert all(technique in prompt for technique in TECHNIQUES)
    labels = [line.split(":")[0] + ":" for line in format_plan("Pie Chart", ["a"]).split("\n")[:2]]
    assert labels == ["CBT technique:", "Counseling plan:"]
    assert all(label in prompt for label in labels)


@pytest.mark.parametrize(
    ("cot", "kinds"),
    [("base", {"response"}), ("ec", {"response", "emotion_recognition"}), ("ec_planning", set(KINDS))],
)
def test_own_prompts_hold_the_kinds_that_a_variant_asks_for(cot, kinds):
    prompts = own_prompts(cot)
    assert set(prompts.templates) == kinds
    assert prompts.template("response", own_template("response", cot).fields) == own_template("response", cot)
