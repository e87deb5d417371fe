"""What a reply to a sign of risk does."""

import pytest

from mirror.risk.guidance import guidance

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
