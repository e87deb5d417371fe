"""Seconds of a turn: by rule, from one session that was alone, and from several."""

import json

import pytest

from mirror.chat.prices import expected_tokens
from mirror.counseling.spending import rehearsal
from mirror.counseling.spending.pace import expected_stages, seconds_per_turn, waiting_stages
from tests import ROOT
from tests.loopback_counseling import loopback_settings

URL = "http://127.0.0.1:9/v1"


def settings(**changes):
    found = loopback_settings(URL)
    return found.model_copy(update=changes)


def test_the_stages_of_endpoints_wait():
    assert waiting_stages(settings()) == ["client", "counselor"]
    assert waiting_stages(settings(client="scripted", counselor="llava", describer="http")) == ["description"]


def test_the_rule_is_that_of_the_measured_times():
    published = {"size": "7b", "steps": 50, "image_size": 1024, "counselor": "llava", "client": "scripted"}
    alone, many = (expected_stages(settings(**published), together) for together in (1, 16))
    assert (alone["face"], many["face"]) == pytest.approx((1.747, 1.520), abs=0.001)
    assert (alone["counselor"], many["counselor"]) == pytest.approx((0.568, 0.080), abs=0.001)
    small = expected_stages(settings(**published | {"steps": 25, "image_size": 512}))
    assert small["face"] == pytest.approx(1.747 / 8) and small["counselor"] == alone["counselor"]
    assert expected_stages(settings(**published | {"size": "13b", "cot": "ec"}))["counselor"] == pytest.approx(
        2 * 13 / 7 * 0.568
    )


def test_rule_and_pages_have_the_times_that_were_measured():
    measured = json.loads((ROOT / "results/benchmarks/counseling-7b.json").read_text(encoding="utf-8"))
    published = {"size": "7b", "steps": 50, "image_size": 1024, "counselor": "llava", "client": "scripted"}
    pages = {name: (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("counsel", "real")}
    for row in measured:
        rule, hourly = expected_stages(settings(**published), row["concurrency"]), 3600 * row["turns"] / row["seconds"]
        assert rule["face"] == pytest.approx(row["stages"]["painter"], abs=0.002)
        assert rule["counselor"] == pytest.approx(row["stages"]["counselor"], abs=0.002)
        assert f"| {row['concurrency']} | {hourly:.0f} (" in pages["counsel"] and f"{hourly:,.0f}" in pages["real"]


def test_a_plan_is_counted_once_a_session():
    published = {"size": "7b", "steps": 50, "image_size": 1024, "counselor": "llava", "client": "scripted"}
    base, planning = (
        expected_stages(settings(**published, cot=cot, max_turns=20))["counselor"] for cot in ("base", "planning")
    )
    assert expected_tokens(rehearsal.PLAN) == 142
    assert planning / base == pytest.approx(1 + 142 / 64 / 20)
    other = expected_stages(settings(**published | {"size": "other"}, cot="base"))["counselor"]
    assert other == base


def test_sessions_that_advance_together_share_the_waiting():
    """One second of work and six of waiting per turn: four sessions work four and wait six."""
    first = {"turns": 2, "elapsed": 14, "client": 4, "description": 0, "face": 2, "counselor": 8}
    assert seconds_per_turn(settings(waves=1), [first], 1) == 7
    assert seconds_per_turn(settings(waves=1), [first], 4) == (4 + 6) / 4
    assert seconds_per_turn(settings(waves=2), [first], 4) == (2 + 6) / 4
    assert seconds_per_turn(settings(waves=2), [first], 100) == 1  # the work is all there is to wait for
    assert seconds_per_turn(settings(waves=1), [first], 4, workers=2) == (4 + 6) / 8


def test_several_sessions_say_themselves_how_long_a_turn_took():
    first, *others = ({"turns": 2, "elapsed": seconds} for seconds in (14, 2, 4))
    assert (
        seconds_per_turn(settings(), [first, *others], 4) == seconds_per_turn(settings(), [first, *others], 4, 2) == 1.5
    )
