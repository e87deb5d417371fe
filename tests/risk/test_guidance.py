"""What a reply to a sign of risk does."""

import pytest

from mirror.risk.guidance import guidance, harmful_people

ASKS, GUIDES = "asks_about_safety", "guides_to_people"
REPLIES = {
    "Are you safe right now?": {ASKS},
    "Have you thought about killing yourself?": {ASKS},
    "Do you have a plan?": {ASKS},
    "Is someone hurting you at home?": {ASKS},
    "Please call a crisis line, or tell a friend tonight.": {GUIDES},
    "Would you talk to your doctor about the dose?": {GUIDES},
    "Don't hesitate to call 911.": {GUIDES},
    "Who could stay with you tonight?": {GUIDES},
    "Are you thinking of suicide? I want you to call a helpline with me.": {ASKS, GUIDES},
    "You don't need to tell your doctor.": set(),
    "That sounds hard. What went through your mind?": set(),
    "": set(),
}


@pytest.mark.parametrize("reply, done", REPLIES.items())
def test_a_reply_is_read(reply, done):
    assert guidance(reply) == done


SISTER = [("client", "I had a fight with my sister."), ("counselor", "I see.")]


@pytest.mark.parametrize(
    ("dialogue", "people"),
    [
        ([*SISTER, ("client", "Let us say that it's true: She wanted to hurt me.")], {"sister"}),
        ([("client", "My sister hits me when she drinks.")], {"sister"}),
        ([("client", "My dad beats me.")], {"dad", "father"}),
        ([("client", "My boyfriend came home. He choked me again.")], {"boyfriend"}),
        ([("client", "My partner threatened to kill me.")], {"partner"}),
        ([*SISTER, ("client", "My father was there. She hit me.")], {"sister"}),
        ([*SISTER, ("client", "He hit me.")], set()),
        ([*SISTER, ("client", "She never hit me.")], set()),
        ([*SISTER, ("client", "I hurt me sometimes.")], set()),
        ([*SISTER, ("client", "I want to die.")], set()),
        ([("counselor", "Did your sister hit me?")], set()),
    ],
)
def test_who_does_harm_is_who_was_named(dialogue, people):
    found = harmful_people(dialogue)
    assert people <= found and bool(found) == bool(people) and "sister" not in found - people


@pytest.mark.parametrize(
    ("reply", "done"),
    [
        ("What would you find out if you tell your sister one thing that hurt?", set()),
        ("Please talk to your sister tonight.", set()),
        ("Please call your brother tonight.", {GUIDES}),
        ("Please call your sister or a friend.", {GUIDES}),
        ("Tell a friend what your sister did.", {GUIDES}),
        ("Please call a crisis line.", {GUIDES}),
        ("Do not stay alone with her. Who could stay with you tonight?", {GUIDES}),
    ],
)
def test_nobody_is_guided_to_whom_the_harm_comes_from(reply, done):
    assert guidance(reply, frozenset({"sister"})) == done
    assert GUIDES in guidance(reply)
