"""The plan of the ratings of a study: questions by what an instrument sees, tokens by its prompts; the command."""

import re
import shlex
import sys

import pytest

from mirror.chat.messages import Message
from mirror.chat.prices import IMAGE, Price, expected_prompt_tokens
from mirror.rating.judge import Case
from mirror.rating.prompts import system_prompt
from mirror.rating.settings import RateSettings
from mirror.rating.spending.plan import _turn, main, plan
from tests import ROOT

CTRS = str(ROOT / "params/rate/ctrs.yaml")


def planned(clients=3, arms=2, turns=5, price=None, **changes):
    settings = RateSettings.from_file(CTRS, check_files=False, **changes)
    return plan(settings, clients, arms, turns, price).set_index("what")


def amount(found, name, column="expected"):
    return float(found.loc[name, column].replace(",", ""))


@pytest.mark.parametrize(
    "changes, questions",
    [
        ({}, 3 * 2 * 3),  # sessions × repeats
        ({"instruments": "resistance", "repeats": 1}, 3 * 2 * 5),  # each turn of the client
        ({"instruments": "ctrs,resistance", "repeats": 2}, 3 * 2 * (1 + 5) * 2),
        ({"pairs": True, "repeats": 1}, 3 * 2 + 3 * 2),  # each client in both orders
        ({"pairs": True, "repeats": 1, "instruments": "resistance"}, 3 * 2 * 5),  # which compares no sessions
    ],
)
def test_questions_are_counted_as_they_will_be_asked(changes, questions):
    assert amount(planned(**changes), "questions") == questions


def test_tokens_are_those_of_the_prompts_and_dollars_those_of_the_tokens():
    found = planned(clients=1, arms=1, turns=2, repeats=1, attempts=2, max_tokens=100, price=Price(1e6, 0.0))
    (ctrs,) = RateSettings.from_file(CTRS, check_files=False).read_instruments()
    case = Case(ctrs, ((_turn(1), _turn(2)),))
    read = expected_prompt_tokens([Message("system", system_prompt()), Message("user", case.prompt)])
    assert amount(found, "tokens read") == read == amount(found, "tokens read", "at most") / 2
    assert amount(found, "tokens written", "at most") == 2 * 100
    assert amount(found, "dollars") == pytest.approx(read, rel=1e-3)


def test_faces_that_go_along_are_counted():
    bare, seen = (planned(1, 1, 4, instruments="helpfulness", repeats=1, faces=faces) for faces in (False, True))
    assert amount(seen, "tokens read") - amount(bare, "tokens read") >= 4 * IMAGE


def test_more_arms_compare_more_pairs():
    assert amount(planned(arms=4, pairs=True, repeats=1), "questions") == 3 * 4 + 3 * 6 * 2


def test_the_command_prints_the_plan(capsys, monkeypatch):
    command = ["plan", "-f", CTRS, "--clients", "100", "--arms", "2", "--prices", "gpt-4o 2.50/10"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    told = capsys.readouterr().out
    assert "600" in told and "dollars" in told and "a token per 4 characters" in told


def test_the_numbers_of_the_path_for_7b_are_those_of_its_command(capsys, monkeypatch):
    text = " ".join((ROOT / "docs/real.md").read_text(encoding="utf-8").split())
    words = shlex.split(re.search(r"`python -m mirror\.rating\.spending\.plan (-f .+?)`", text)[1])
    monkeypatch.setattr(sys, "argv", ["plan", *words])
    main()
    printed = dict(re.findall(r"^ *(\w[\w ]*?) +([\d,.]+) +[\d,.]+$", capsys.readouterr().out, re.MULTILINE))
    assert (
        f"{printed['questions']} questions, {printed['tokens read']} tokens read, {printed['tokens written']} written "
        f"and ${printed['dollars']}, at most $14.44"
    ) in text


def test_the_command_names_a_fault(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["plan", "-f", CTRS, "--clients", "0"])
    with pytest.raises(SystemExit):
        main()
    assert "must be 1 or more, found 0" in capsys.readouterr().err
