"""Estimates of a table and prices that are known."""

import pytest

from mirror.building.estimate import DESCRIPTION, TURNS, estimate
from mirror.building.screenplays import ClientInfo, Line, Screenplay
from mirror.building.screenplays.writing import WritingCost
from mirror.building.screenplays.writing.cost import SESSION
from mirror.building.settings import BuildSettings
from mirror.chat.prices import Price
from mirror.faces.settings import BYTES_PER_PIXEL
from mirror.prompts import Utterance, expression_prompt, format_dialogue
from tests import ROOT


def settings(**changes):
    return BuildSettings.from_file(ROOT / "params/build/pocket.yaml", False, attempts=3, **changes)


def rows(table):
    return {what: (expected, most) for what, expected, most in table.values.tolist()}


@pytest.fixture
def dialogue():
    """Two of its three client lines are answered."""
    lines = (
        Line("client", "nods", "Yes."), Line("therapist", "", "I see."), Line("client", "", "No."),
        Line("therapist", "", "Well."), Line("client", "leaves", ""),
    )  # fmt: skip
    return Screenplay("a", ClientInfo(""), "", (), lines)


def test_pictures_and_disk_follow_from_the_lines_that_are_answered(dialogue):
    found = rows(estimate(settings(face_size=1000), [dialogue] * 500, None))
    assert found["dialogues"] == ("500", "500") and found["descriptions"] == ("1,000", "2,000")
    assert found["pictures to paint"] == ("1,000", "3,000")
    assert found["disk"][0] == f"{1000 * 1e6 * BYTES_PER_PIXEL * 2 / 1e9:.2f} GB"
    assert len(found) == 4


def test_descriptions_cost_what_their_prompts_have(dialogue):
    prompts = [
        expression_prompt("", Utterance("nods", "Yes.")),
        expression_prompt(format_dialogue([("client", "Yes."), ("therapist", "I see.")]), Utterance("", "No.")),
    ]
    read = sum(-(-len(prompt) // 4) for prompt in prompts)
    chat = {"describer": "openai", "describer_model": "m", "prices": "m 1000/2000", "describer_max_tokens": 100}
    found = rows(estimate(settings(**chat), [dialogue], None))
    assert found["tokens read by the describer"] == (str(read), str(2 * read))
    assert found["tokens written by the describer"] == (str(2 * DESCRIPTION), "400")
    dollars = [(1000 * read + 2000 * 2 * DESCRIPTION) / 1e6, (2 * 1000 * read + 2000 * 400) / 1e6]
    assert found["dollars for descriptions"] == tuple(f"{value:.2f}" for value in dollars)
    assert "dollars for descriptions" not in rows(estimate(settings(**chat | {"prices": ""}), [dialogue], None))


def test_sessions_that_are_not_written_yet_are_estimated():
    client = Screenplay("a", ClientInfo(""), "", ())
    cost = WritingCost(8, 16, 4000, 5600, 8000, 16384, 2, 100, 200, "a rule", Price(1000.0, 2000.0))
    chat = {"describer": "openai", "describer_model": "m", "prices": "m 1/1, w 1/1"}
    chat |= {"source": "profiles", "writer_model": "w", "writer_url": "http://127.0.0.1:1"}
    found = rows(estimate(settings(**chat), [client] * 2, cost))
    assert found["dialogues"] == ("8", "8") and found["descriptions"] == (str(8 * TURNS), str(16 * TURNS))
    assert found["screenplays to write, requests"] == ("8", "16")
    assert found["tokens written for them"] == ("5,600", "16,384")
    assert found["dollars for them"] == ("15.20", "40.77") and found["dollars spent so far"][0] == "0.50"
    read = 80 * (-(-len(expression_prompt("", Utterance("", ""))) // 4) + SESSION // 2)
    assert found["tokens read by the describer"][0] == f"{read:,}"
    assert found["basis of these numbers"][0] == "a rule"
