"""One exchange of the chat: the face beside the words, the rest folded, no text as markup, nothing unblinded."""

import re

import pytest

from mirror.exploration.run import Exchange
from mirror.exploration.view.exchange import exchange_page
from mirror.faces.view import Seen
from mirror.prompts import Utterance
from mirror.risk.policy import RiskPolicy
from tests.explored_steps import ending, step
from tests.sessions import REJECTED

SCRIPT = "<script>alert(1)</script>"
ONE = {"Counselor": 0}
TWO = {"Counselor A": 1, "Counselor B": 0}


def exchange(*steps, tries=0):
    return Exchange(5, Utterance("frowns", "No."), 42, tries, steps or (step(),))


def test_the_face_stands_beside_the_words_and_the_rest_is_folded():
    page = exchange_page(exchange(), "Ada", ONE)
    shown, folded = page.split("<details class='how'>")
    assert shown.count("<img") == 1 and 'alt="Ada, tears"' in shown
    assert "lowers the eyes" in shown and "I see that 2 weighs on you." in shown
    assert "How it came about: " in folded and "attempt 2 of 2" in folded and "same person: 0.33 ✗" in folded
    assert "How does she feel?" in folded and "How does she feel?" not in shown and ">42<" in folded


def test_every_text_is_no_markup():
    page = exchange_page(exchange(step(cue=SCRIPT, words=SCRIPT, reply={"words": SCRIPT})), SCRIPT, {SCRIPT: 0})
    assert "<script" not in page


def test_what_is_special_of_a_turn_is_said():
    assert "says nothing" in exchange_page(exchange(step(words="")), "Ada", ONE)
    assert "tried again with another seed (2)" in exchange_page(exchange(tries=2), "Ada", ONE)
    assert "none of 1 attempts accepted" in exchange_page(exchange(step(verdicts=(REJECTED,))), "Ada", ONE)
    page = exchange_page(exchange(ending()), "Ada", ONE)
    assert "The client ends the session." in page and "<img" not in page and "counselor" not in page


def test_signs_of_risk_stand_with_whose_words_they_are():
    step_ = step(words="I want to die.", reply={"words": "x"})
    page = exchange_page(exchange(step_), "Ada", ONE)
    client, _, rest = page.partition("<div class='replies'>")
    assert "⚑ client · self harm · active: “want to die”" in client and "⚑" not in rest.split("<details")[0]
    assert "⚑" not in exchange_page(exchange(step_), "Ada", ONE, policy=RiskPolicy(()))


@pytest.fixture
def two():
    first = step(
        reply={"prompts": {"response": "secret one"}, "raw": {"response": "a"}, "technique": "secret technique"}
    )
    return exchange(first, step(seen=Seen(first.portrait, "blank"), reply={"words": "Other."}))


def test_two_counselors_are_shown_in_the_given_order_and_nothing_tells_who_they_are(two):
    page = exchange_page(two, "Ada", TWO, blind=True)
    assert re.findall(r"<p class='who'>(Counselor .)</p>", page) == ["Counselor A", "Counselor B"]
    for secret in ("secret", "blank", "the counselor saw", "emotion recognition", ">time<", ">42<"):
        assert secret not in page
    assert "is shown after your vote" in page and "the description" in page


def test_after_the_vote_each_has_its_own_part_of_what_is_folded(two):
    folded = exchange_page(two, "Ada", TWO).split("<details class='how'>")[1]
    assert folded.index("<b>Counselor A</b>") < folded.index("the counselor saw") < folded.index("<b>Counselor B</b>")
    assert folded.index("<b>Counselor B</b>") < folded.index("secret one") and folded.count("<b>time</b>") == 2
