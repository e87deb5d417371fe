"""Sessions without models: the prompts that the real roles would write, and what they are taken to have in tokens."""

import pytest

from mirror.chat.messages import Message
from mirror.chat.prices import IMAGE
from mirror.clients.client import client_messages
from mirror.counseling.spending.rehearsal import CLIENT, LINE, PLAN, RehearsedModel, rehearse
from mirror.paths import input_path
from mirror.prompts import parse_plan
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation
from tests.loopback_counseling import loopback_settings

PROFILES = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
URL = "http://127.0.0.1:9/v1"


def rehearsed(longest=False, **changes):
    [only] = rehearse(loopback_settings(URL, **changes), PROFILES[0], longest)
    return only


def test_only_models_behind_endpoints_count():
    assert rehearsed().keys() == {"client_prompt", "client_completion", "counselor_prompt", "counselor_completion"}
    scripted = {"client": "scripted", "client_model": "", "client_url": "", "prices": ""}
    assert rehearsed(**scripted).keys() == {"counselor_prompt", "counselor_completion"}


def test_the_first_prompt_is_that_of_the_client():
    found = rehearsed(max_turns=1)
    system, begin = client_messages(Conversation(PROFILES[0], (), 0))
    expected = (len(system.content) + len(begin.content)) / 4
    assert found["client_prompt"] == pytest.approx(expected + 12, abs=2)
    assert found["client_completion"] == pytest.approx(len(CLIENT) / 4, abs=1)


def test_prompts_grow_with_the_dialogue():
    one, two, three = (rehearsed(max_turns=turns)["client_prompt"] for turns in (1, 2, 3))
    assert (three - two) - (two - one) == pytest.approx((len(CLIENT) + len(LINE)) / 4, abs=10)


def test_images_captions_and_one_plan_count():
    plain = rehearsed()
    blind = rehearsed(sees_face=False)
    assert plain["counselor_prompt"] - blind["counselor_prompt"] == pytest.approx(3 * IMAGE, abs=60)  # other words, too
    assert rehearsed(cot="ec")["counselor_completion"] == 2 * plain["counselor_completion"]
    planned = rehearsed(cot="planning", planning_max_tokens=512)["counselor_completion"] - plain["counselor_completion"]
    assert planned == pytest.approx(len(PLAN) / 4, abs=1) and parse_plan(PLAN).steps


def test_the_longest_answers_are_as_long_as_their_limits():
    limits = {"client_max_tokens": 100, "max_new_tokens": 70, "planning_max_tokens": 300}
    found = rehearsed(True, cot="planning", **limits)
    assert found["client_completion"] == 3 * 100 and found["counselor_completion"] == 3 * 70 + 300
    assert found["client_prompt"] > rehearsed(cot="planning", **limits)["client_prompt"]


def test_a_limit_below_the_usual_length_cuts_the_answer():
    [answer] = RehearsedModel("one two three four", 3).complete([[Message("user", "12345678")]], [0])
    assert (answer.prompt_tokens, answer.completion_tokens) == (2 + 8, 3)


def test_limits_that_leave_no_room_still_give_a_number():
    found = rehearsed(True, client_max_tokens=1, max_new_tokens=1, max_turns=2)
    assert found["client_completion"] == found["counselor_completion"] == 2


def test_later_sessions_read_the_earlier_ones_as_far_as_they_are_remembered():
    settings = loopback_settings(URL, sessions_per_client=3)
    first, second, third = rehearse(settings, PROFILES[0])
    assert first == rehearsed()
    cue, *_ = CLIENT.partition(LINE)  # the first utterance is silent
    told = len(f"\n\nSession 2:\n{cue}") + 2 * len(f"\n{CLIENT}") + 3 * len(f"\nCounselor: {LINE}")
    growth = (second["client_prompt"] - first["client_prompt"], third["client_prompt"] - second["client_prompt"])
    assert growth[1] == pytest.approx(3 * told / 4, rel=0.02)  # in each of three prompts
    assert growth[0] > growth[1]  # and what is said of it
    assert first["counselor_prompt"] < second["counselor_prompt"] < third["counselor_prompt"]
    for changes in ({"memory": "none"}, {"memory_tokens": 1}):
        sessions = rehearse(loopback_settings(URL, sessions_per_client=2, **changes), PROFILES[0])
        assert sessions == [first, first]
