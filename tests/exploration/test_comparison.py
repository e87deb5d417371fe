"""A blind comparison: the order is a fair lot, and a vote is a preference that the rating of pairs reads."""

import json

import pytest

from mirror.exploration.comparison import count_votes, keep_vote, question, shown_order
from mirror.exploration.transcript import save
from mirror.paths import output_path
from mirror.rating.preferences import compare_preferences, read_preferences

RUNS = ("explored-pocket-llava", "explored-thinker")


def vote(pair, order, preferred, client="61", reason=""):
    pair.begin(client)
    pair.say("frowns", "No.")
    name, folders = save(pair)
    return keep_vote(pair, name, folders, order, preferred, reason)


def test_the_order_is_a_fair_lot_that_is_drawn_once_for_a_session():
    drawn = [shown_order(seed, f"{client}+s2") for seed in range(20) for client in range(20)]
    assert set(drawn) == {(0, 1), (1, 0)} and 160 < sum(one == (0, 1) for one in drawn) < 240
    assert drawn == [shown_order(seed, f"{client}+s2") for seed in range(20) for client in range(20)]


def test_a_vote_is_a_preference_of_a_person_for_the_counselor_that_was_shown(pair):
    counted = vote(pair, (1, 0), "first", reason="It asked.")
    (line,) = output_path("results/explored-votes/preferences.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["first"], record["second"], record["scores"]) == (RUNS[1], RUNS[0], {"helpful": "first"})
    assert (record["judge"], record["kind"], record["reason"]) == ("human explorer", "human", "It asked.")
    assert record["idx"] == "61" and record["instrument"] == "helpfulness"
    assert counted == "Of your 1 votes so far: explored-thinker in 1, no difference in 0."


def test_votes_are_compared_as_those_of_a_judge_whatever_the_order(pair):
    for client, order, preferred in (("60", (0, 1), "second"), ("61", (1, 0), "first"), ("62", (0, 1), "neither")):
        counted = vote(pair, order, preferred, client)
    assert counted == "Of your 3 votes so far: explored-thinker in 2, no difference in 1."
    folder = output_path("results/explored-votes")
    (row,) = compare_preferences(read_preferences(folder), seed=0).to_dict("records")
    assert (row["arm"], row["other"], row["judge"]) == (*RUNS, "human explorer")
    assert (row["share"], row["n"], row["missing"]) == (pytest.approx(0.5 / 3), 3, 0)


def test_another_persons_votes_are_counted_by_themselves(pair):
    vote(pair, (0, 1), "first")
    assert count_votes(output_path("results/explored-votes"), "human other").startswith("Of your 0 votes so far: no")


def test_what_is_asked_is_an_item_of_the_instrument():
    assert question().startswith("Helpfulness. Does the client leave")
