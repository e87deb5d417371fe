"""The panel over an exploration: a click takes a turn, a fault is shown and changes nothing.

The turns are made without models; with them, the panel is clicked in test_run.py.
"""

from types import SimpleNamespace

import pytest

from mirror.clients.lexicon import lexicon
from mirror.exploration.panel import Panel
from mirror.html_page import NOTICE
from mirror.risk.policy import RiskPolicy
from tests.browser import CHROMIUM, chromium
from tests.explored_steps import step
from tests.planted_risk import BY_DEGREE, label


class Explored:
    """Two clients; notes what was typed, and fails where it is told to."""

    def __init__(self):
        people = [("60", "Ada", "no"), ("61", "", "cognitive")]
        self.profiles = {idx: SimpleNamespace(idx=idx, name=name, resistance=kind) for idx, name, kind in people}
        self.profile, self.begun, self.said, self.fault = self.profiles["61"], [], [], None
        self.policy = RiskPolicy()

    def begin(self, client):
        self.begun.append(client)

    def say(self, cue, words):
        if self.fault:
            raise self.fault
        self.said.append((cue, words))
        return step(cue=cue, words=words)


@pytest.fixture
def explored():
    return Explored()


@pytest.fixture
def panel(explored):
    return Panel(explored)


def test_the_panel_offers_clients_and_readable_cues_and_does_nothing_by_itself(panel, explored):
    assert panel.client.options == (("Ada (no)", "60"), ("61 (cognitive)", "61")) and panel.client.value == "61"
    assert all(lexicon().read(cue) for cue in panel.cue.options) and panel.cue.options
    assert explored.begun == explored.said == [] and panel.turns.children == ()


def test_what_was_typed_becomes_a_turn_above_the_earlier_ones(panel, explored):
    for words in ("No.", "Why?"):
        panel.cue.value, panel.words.value = "frowns", words
        panel.speak.click()
    assert explored.said == [("frowns", "No."), ("frowns", "Why?")]
    assert ["Why?" in panel.turns.children[0].value, "No." in panel.turns.children[1].value] == [True, True]
    assert (panel.words.value, panel.cue.value, panel.status.value, panel.speak.disabled) == ("", "frowns", "", False)


def test_a_notice_stands_above_the_panel(panel):
    assert panel.widget.children[0].value == NOTICE


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium")
def test_a_sign_of_risk_is_seen_in_the_turn_that_shows_it(panel, tmp_path):
    planted = [words for _, words, _ in BY_DEGREE.values()]
    for words in ("I slept well.", *planted, "I want to die <b>."):
        panel.words.value = words
        panel.speak.click()
    turns = "".join(f"<section>{turn.value}</section>" for turn in panel.turns.children)
    (tmp_path / "panel.html").write_text(f"<!doctype html><meta charset=utf-8>{turns}", encoding="utf-8")
    with chromium(tmp_path) as page:
        page.open((tmp_path / "panel.html").as_uri())
        badges = "[...document.querySelectorAll('.risk')]"
        newest_first = [f"{label(degree)}: “{words}”" for degree, (_, _, words) in reversed(BY_DEGREE.items())]
        expected = ["⚑ client · self harm · active: “want to die”", *newest_first]
        assert page.evaluate(f"{badges}.map((one) => one.textContent)") == expected
        assert page.evaluate(
            f"{badges}[0].checkVisibility() && {badges}[0].closest('section').matches(':first-of-type')"
        )
        assert page.evaluate("document.querySelector('.care').checkVisibility()")
        assert page.problems == []


def test_the_panel_reads_by_the_policy_of_its_exploration(panel, explored):
    explored.policy = RiskPolicy(())
    panel.words.value = "I want to die."
    panel.speak.click()
    assert "class='risk'" not in panel.turns.children[0].value


@pytest.mark.parametrize("fault", [RuntimeError("the service is down"), ValueError("the text is too long")])
def test_a_fault_is_shown_and_what_was_typed_stays(fault, panel, explored):
    panel.speak.click()
    explored.fault, panel.words.value = fault, "Why?"
    panel.speak.click()
    assert panel.status.value == f"{type(fault).__name__}: {fault}"
    assert (panel.words.value, panel.speak.disabled, len(panel.turns.children)) == ("Why?", False, 1)
    panel.again.click()
    assert panel.status.value == "" and panel.turns.children == () and explored.begun == ["61"]


def test_another_fault_is_raised_and_the_button_can_be_clicked_again(panel, explored):
    explored.fault = KeyError("a mistake in the code")
    with pytest.raises(KeyError):
        panel.take_turn()
    assert not panel.speak.disabled


def test_another_client_begins_another_session(panel, explored):
    panel.speak.click()
    panel.client.value = "60"
    assert explored.begun == ["60"] and panel.turns.children == ()
