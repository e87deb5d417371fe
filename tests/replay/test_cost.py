"""What a replay will cost: from a sample of the recorded conversations."""

from dataclasses import replace

from mirror.replay.cost import SAMPLE, estimate
from mirror.replay.recording import RecordedTurn, Recording
from tests.replays import endpoint_configuration, settings
from tests.sessions import CLIENT


def rows(found, recordings):
    return estimate(found, recordings, []).set_index("what")["in all"].to_dict()


def conversations(count, turns):
    return {str(n): Recording(replace(CLIENT, idx=str(n)), turns) for n in range(count)}


def number(text):
    return float(text.replace(",", ""))


def test_tokens_grow_with_the_conversations_and_their_words(tmp_path):
    path = endpoint_configuration(tmp_path, "http://127.0.0.1:9/v1")
    found = settings(check_files=False, configuration=path)
    turns, many_words = ((RecordedTurn("I fell. " * times, reply="Oh."),) * 2 for times in (1, 100))
    key = "tokens read, counselor"
    few, many = rows(found, conversations(1, turns)), rows(found, conversations(3 * SAMPLE, turns))
    assert number(many[key]) == 3 * SAMPLE * number(few[key]) and many["turns"] == "96"
    assert number(rows(found, conversations(1, many_words))[key]) > number(few[key]) + 2 * 200


def test_a_model_of_this_machine_costs_time_alone():
    found = rows(settings(check_files=False), conversations(1, (RecordedTurn("Hm."),)))
    assert list(found) == ["turns", "hours"] and number(found["hours"]) > 0
