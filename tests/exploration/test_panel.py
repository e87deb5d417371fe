"""The panel of a notebook: the same chat as the page, in widgets; a fault is shown and changes nothing."""

import pytest

from mirror.clients.lexicon import lexicon
from mirror.exploration.panel import Panel
from mirror.html_page import NOTICE
from tests.browser import CHROMIUM, chromium
from tests.planted_risk import BY_DEGREE, label
from tests.scripted_casts import PORTRAIT


@pytest.fixture
def panel(exploration):
    return Panel(exploration)


def send(panel, words, cue="frowns"):
    panel.cue.value, panel.words.value = cue, words
    panel.buttons["say"].click()


def shown(panel):
    return [turn.value for turn in panel.turns.children]


def enabled(panel):
    return {name for name, button in panel.buttons.items() if not button.disabled}


def test_the_panel_offers_clients_and_readable_cues_and_does_nothing_by_itself(panel, exploration):
    assert ("Tom (emotional)", "61") in panel.client.options and panel.client.value == "61"
    assert all(lexicon().read(cue) for cue in panel.cue.options) and panel.cue.options
    assert exploration.exchanges == () and shown(panel) == [] and "Tom, 19, a waiter" in panel.profile.value
    assert enabled(panel) == {"say", "listen", "begin", "portrait"} and panel.vote.layout.display == "none"


def test_the_session_goes_on_from_the_cells_above(exploration):
    exploration.listen()
    assert len(Panel(exploration).turns.children) == 1


def test_what_was_typed_becomes_the_last_turn_and_the_others_stay_as_they_are(panel):
    send(panel, "No.")
    (first,) = panel.turns.children
    send(panel, "Why?")
    assert panel.turns.children[0] is first and "I hear: Why?" in shown(panel)[1]
    assert (panel.words.value, panel.cue.value, panel.status.value.count("fault")) == ("", "", 0)


def test_what_is_being_done_is_shown_with_everything_off(panel):
    seen = []
    panel.status.observe(lambda change: seen.append((change["new"], enabled(panel))), "value")
    send(panel, "No.")
    assert any("Painting attempt 2 of at most 3" in text and not on for text, on in seen)
    assert enabled(panel) >= {"say", "again", "take_back", "save"}


def test_a_notice_stands_above_the_panel(panel):
    assert NOTICE in panel.widget.children[0].value


def test_a_fault_is_shown_whole_and_what_was_typed_stays(panel, exploration):
    send(panel, "Hello.")
    exploration.cast.counselor.fault = RuntimeError("<b>down</b> " * 50)
    send(panel, "Why?")
    assert "&lt;b&gt;down&lt;/b&gt; " * 49 in panel.status.value and "role='alert'" in panel.status.value
    assert (panel.words.value, panel.cue.value, len(shown(panel))) == ("Why?", "frowns", 1)
    exploration.cast.counselor.fault = None
    panel.buttons["say"].click()
    assert panel.words.value == "" and len(shown(panel)) == 2 and "role='alert'" not in panel.status.value


def test_a_text_that_cannot_be_saved_is_refused(panel):
    send(panel, "a\ud800b")
    assert "half a character" in panel.status.value and panel.words.value and shown(panel) == []


def test_a_turn_is_taken_back_tried_again_and_saved(panel, exploration):
    send(panel, "No.")
    before = shown(panel)
    panel.buttons["again"].click()
    assert shown(panel) != before and "another seed (1)" in shown(panel)[0]
    panel.buttons["save"].click()
    assert "Saved in results/explored/sessions/61." in panel.status.value
    panel.buttons["take_back"].click()
    assert shown(panel) == [] and (panel.cue.value, panel.words.value) == ("frowns", "No.")


def test_another_client_begins_another_session_that_can_be_undone(panel, exploration):
    send(panel, "No.")
    panel.client.value = "60"
    assert exploration.profile.idx == "60" and shown(panel) == [] and "Tess" in panel.profile.value
    assert panel.buttons["take_back"].description == "Bring back session"
    panel.buttons["take_back"].click()
    assert exploration.profile.idx == "61" and "I hear: No." in shown(panel)[0]


def test_a_client_of_ones_own(panel, exploration):
    panel.own["path"].value, panel.own["name"].value = str(PORTRAIT), "Ben"
    panel.buttons["portrait"].click()
    assert exploration.profile.name == "Ben" and panel.buttons["listen"].disabled
    panel.own["path"].value = "nowhere.png"
    panel.buttons["portrait"].click()
    assert "nowhere.png: cannot be read" in panel.status.value and exploration.profile.name == "Ben"


def test_two_counselors_are_voted_on(pair):
    panel = Panel(pair)
    send(panel, "No.")
    assert panel.vote.layout.display is None and "thinker" not in shown(panel)[0] + panel.counselors.value
    panel.votes["first"].click()
    assert "thinker" in shown(panel)[0] and "A was explored-" in panel.counselors.value
    assert panel.vote.layout.display == "none" and "Of your 1 votes so far" in panel.status.value


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium")
def test_a_sign_of_risk_is_seen_in_the_turn_that_shows_it(panel, exploration, tmp_path):
    planted = [words for _, words, _ in BY_DEGREE.values()]
    exploration.cast.counselor.way = "Yes"
    for words in ("I slept well.", *planted, "I want to die <b>."):
        send(panel, words)
    turns = "".join(f"<section>{turn}</section>" for turn in shown(panel))
    (tmp_path / "panel.html").write_text(f"<!doctype html><meta charset=utf-8>{turns}", encoding="utf-8")
    with chromium(tmp_path) as page:
        page.open((tmp_path / "panel.html").as_uri())
        badges = "[...document.querySelectorAll('.client .risk')]"
        in_order = [f"{label(degree)}: “{words}”" for degree, (_, _, words) in BY_DEGREE.items()]
        expected = [*in_order, "⚑ client · self harm · active: “want to die”"]
        assert page.evaluate(f"{badges}.map((one) => one.textContent)") == expected
        assert page.evaluate(f"{badges}.at(-1).checkVisibility()")
        assert page.evaluate(f"{badges}.at(-1).closest('section').matches(':last-of-type')")
        assert page.problems == []
