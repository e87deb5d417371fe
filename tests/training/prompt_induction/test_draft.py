"""A draft of one template: constants are what prompts share, fields are named by their labels or their content."""

from mirror.training.prompt_induction.draft import draft_template

REASONS = ("I worry at night.", "My work is too much.", "Nobody calls me.", "I burn the soup.")
MOODS = ("sad", "angry", "tired", "calm")


def drafted(*prompts):
    return draft_template("response", prompts, frozenset(), frozenset())


def text(*prompts):
    return drafted(*prompts).template.text


def test_what_varies_after_a_label_is_a_field_of_its_name():
    found = text(*(f"Read this.\nReason for counseling: {reason}\nWhat would you say?" for reason in REASONS))
    assert found == "Read this.\nReason for counseling: {reason_for_counseling}\nWhat would you say?"


def test_an_unknown_label_gives_its_own_name():
    found = text(*(f"The client's mood: {mood}\nSay something." for mood in MOODS))
    assert found == "The client's mood: {the_client_s_mood}\nSay something."


def test_plans_techniques_and_dialogues_are_known_by_their_content():
    techniques = ("Pie Chart", "Reality Testing", "Continuum", "Decatastrophizing")
    prompts = [
        f"Use {technique}.\n1. {reason}\n2. Be {mood}.\n\nThe talk:\nClient: {mood}.\nTherapist: Hm, {mood}.\n\nGo on."
        for technique, reason, mood in zip(techniques, REASONS, MOODS, strict=True)
    ]
    assert text(*prompts) == "Use {technique}.\n{plan}\n\nThe talk:\n{dialogue}\n\nGo on."


def test_a_template_parses_the_prompts_that_it_was_drafted_from():
    clients = list(zip(REASONS, MOODS, strict=True))
    prompts = [f"Reason: {reason}\n\n{{braces}} stay.\nMood: {mood}" for reason, mood in clients]
    template = drafted(*prompts).template
    values = [template.parse(prompt) for prompt in prompts]
    assert [template.render(**one) for one in values] == prompts
    assert [tuple(one.values()) for one in values] == clients


def test_the_most_common_wording_is_drafted_and_the_other_left_out():
    common = [f"Reason: {reason}\nWhat now?" for reason in REASONS]
    found = drafted(*common, f"Why: {REASONS[0]}\nAnd then?")
    assert found.template.text == "Reason: {reason}\nWhat now?"
    assert {key.text for key in found.constants} == {"Reason:", "What now?"}
    assert {key.text for key in found.fields} == {"Reason:"}


def test_text_that_nothing_names_gives_no_template():
    assert drafted(*(f"{reason}\nWhat would you say?" for reason in REASONS)).template is None


def test_a_prompt_that_never_varies_is_constant():
    found = drafted("How does {she} feel?", "How does {she} feel?")
    assert found.template.text == "How does {{she}} feel?" and found.template.fields == ()
