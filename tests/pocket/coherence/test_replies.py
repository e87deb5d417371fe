"""Replies that do not fit a pocket client are found, and those that fit pass."""

import pytest

from mirror.transcripts.arm import Person
from pocket.coherence.replies import Client, check_plan, check_reply
from pocket.llava.counselor_evaluation import write_evaluation_dialogues
from pocket.texts.persons import second_person
from pocket.texts.worries import WORRIES

DAUGHTER = Person(
    "65", "Carmen", "Carmen, 51, a salesperson, lives alone", "emotional", "My father is ill and I never rest.", ""
)
CARMEN = Client.of(DAUGHTER)


def faults(reply, shown="calm"):
    fit = check_reply(reply, CARMEN, shown)
    return {kind for kind in ("name", "worry", "face") if getattr(fit, kind)}


@pytest.mark.parametrize(
    "reply, found",
    {
        "You seem calm, Mei. Let us build on that. What did I miss?": {"name"},
        "Hello Olga. You look calm. It shows how far you have come. What brings you here?": {"name"},
        "What would a florist do?": {"name"},
        "Good to see you, sir.": {"name"},
        "What do you believe about the marks of your son?": {"worry"},
        "You look calm. Let us build on that. What would a good friend say about the exam in spring?": {"worry"},
        "What is the problem with the marks of your son, in one sentence?": {"worry"},
        'How sure are you that it is true: "everyone will laugh at me"?': {"worry"},
        "You look tearful. Let us build on that. What did I miss?": {"face"},
        "You look calm. Your tears are welcome here. What did I miss?": {"face"},
        "You look calm. What makes you cry, if you want to say it?": {"face"},
        "You seem weepy, Mei. Take all the time you need. What do you believe about the project at work?": {
            "name",
            "worry",
            "face",
        },
    }.items(),
)
def test_what_does_not_fit_is_found(reply, found):
    assert faults(reply) == found


@pytest.mark.parametrize(
    "reply",
    [
        "You seem calm, Carmen. Let us build on that. What do you believe about the care for your father?",
        "I'm glad that you look at ease. That's a good place to think from. Which side weighs more for you now?",
        "What would a salesperson do, madam?",
        "Tell me about the long nights, and about your brother.",
        "Hm.",
    ],
)
def test_what_fits_or_says_nothing_of_the_client_passes(reply):
    assert not faults(reply)


def test_a_feeling_fits_by_its_expression_and_every_one_where_none_is_known():
    assert not faults("You look weepy.", "tearful") and faults("You look weepy.", "sad") == {"face"}
    assert not faults("You look weepy.", None)
    assert faults("I'm glad that you look sad.", "sad") == {"face"}


def test_what_a_reply_says_of_feeling_and_worry_is_told():
    said = check_reply("You look sad. What do you believe about the care for your father?", CARMEN, "sad")
    assert said.all and said.feelings == {"sad"} and said.names_worry
    silent = check_reply("What did I miss?", CARMEN, "sad")
    assert silent.all and not silent.feelings and not silent.names_worry


def test_the_dialogues_own_replies_fit_their_clients_and_no_other():
    told = 0
    for dialogue in write_evaluation_dialogues(36):
        worry, info = dialogue.client.worry, dialogue.client.personal_information
        client = Client.of(Person("1", dialogue.client.name, info, reason=worry.reason))
        other = Client(client.name, client.job, client.gender, WORRIES[(WORRIES.index(worry) + 1) % len(WORRIES)])
        for exchange in dialogue.exchanges:
            fit = check_reply(exchange.therapist, client, exchange.expression)
            assert fit.all, (exchange.therapist, fit)
            if second_person(worry.event) in exchange.therapist:
                told += 1
                assert fit.names_worry and check_reply(exchange.therapist, other, exchange.expression).worry
        assert not check_plan(dialogue.plan, client)
    assert told > 20


def test_a_plan_for_another_worry_is_found():
    assert check_plan(("Put the thought about the fight with their sister into words.",), CARMEN)
    assert not check_plan(("Put the thought about the care for their father into words.",), CARMEN)
