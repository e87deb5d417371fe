"""Sessions for pre-training: whatever is said of name, worry, feeling and plan is that of the prompt's client."""

import re

import pytest

from mirror.prompts import VARIANTS, own_template, parse_plan
from mirror.transcripts.arm import Person
from pocket.coherence.replies import Client, check_plan, check_reply
from pocket.drawing.expressions import expression_of
from pocket.llava.sessions import write_roll, write_session
from pocket.seeds import stream
from pocket.texts.worries import WORRIES

_TOLD = re.compile(r"- Client Emotional State: (.+)")
_REPLIES = re.compile(r"^Therapist: (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def sessions():
    random = stream("sessions", 5)
    return [write_session(random) for _ in range(300)]


def line(prompt, label):
    (found,) = re.findall(rf"^- {label}: (.+)$", prompt, re.MULTILINE)
    return found


def client_of(prompt):
    info = line(prompt, "Personal Information")
    return Client.of(Person("1", info.split(",")[0], info, reason=line(prompt, "Reason for Counseling")))


def is_planning(prompt):
    return "Pick the CBT technique" in prompt


def test_all_that_is_said_fits_the_name_and_the_worry_of_the_prompt(sessions):
    told = 0
    for prompt, answer in sessions:
        client = client_of(prompt)
        for reply in [*_REPLIES.findall(prompt), *([] if is_planning(prompt) else [answer])]:
            fit = check_reply(reply, client, None)
            assert not fit.name and not fit.worry, (prompt, reply)
            told += fit.names_worry
    assert told > 200


def test_an_answer_names_the_feeling_that_the_prompt_tells_and_no_other(sessions):
    named = 0
    for prompt, answer in sessions:
        if is_planning(prompt):
            continue
        told = _TOLD.search(prompt)
        shown = expression_of(told[1]) if told else None
        fit = check_reply(answer, client_of(prompt), shown.name if shown else None)
        assert bool(fit.feelings) == (shown is not None) and not fit.face, (prompt, answer)
        named += bool(fit.feelings)
    assert named > 100


def test_in_a_roll_each_line_fits_the_client_above_it():
    random, told = stream("rolls", 5), 0
    for block in [
        block for _ in range(60) for block in re.split(r"(?<=\n)(?=- (?:Name|Personal))", write_roll(random))
    ]:
        (reply,) = _REPLIES.findall(block)
        name = re.search(r"^- (?:Name|Personal Information): (\w+)", block)[1]
        (worry,) = [worry for worry in WORRIES if f": {worry.reason}\n" in block]
        state = _TOLD.search(block)
        shown = expression_of(state[1]).name if state else None
        fit = check_reply(reply, Client.of(Person("1", name, f"{name}, 40, a nurse", reason=worry.reason)), shown)
        assert fit.all and bool(fit.feelings) == bool(state), (block, fit)
        told += fit.names_worry
    assert told > 100


def test_a_plan_suits_the_worry_and_speaks_of_it(sessions):
    plans = [(prompt, parse_plan(answer)) for prompt, answer in sessions if is_planning(prompt)]
    assert len(plans) > 20
    for prompt, plan in plans:
        (worry,) = [worry for worry in WORRIES if worry.reason in prompt]
        assert plan.technique in worry.techniques and not check_plan(plan.steps, client_of(prompt))


def test_the_prompts_are_those_of_all_variants(sessions):
    def begins_as(prompt, kind, cot):
        constants = re.split(r"\{\w+\}", own_template(kind, cot).text)
        return re.fullmatch(".*".join(map(re.escape, constants)), prompt, re.DOTALL)

    forms = [("planning", "planning"), *(("response", cot) for cot in VARIANTS)]
    counts = {form: sum(bool(begins_as(prompt, *form)) for prompt, _ in sessions) for form in forms}
    assert all(count > 10 for count in counts.values()) and all("{" not in prompt for prompt, _ in sessions), counts
