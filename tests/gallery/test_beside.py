"""Two runs side by side: turn by turn on one client, chosen in the page and named by its address."""

from tests.axe import findings
from tests.galleries import go, put, shown, texts


def test_the_sessions_of_all_runs_are_there_those_of_a_client_together(beside):
    assert shown(beside) == ["60", "60", "61", "61", "62"]
    assert [name.split(" · ")[0] for name in texts(beside, "#list .tags")] == ["ec", "base", "ec", "base", "base"]
    put(beside, "#run", "base")
    assert shown(beside) == ["60", "61", "62"]


def test_a_second_run_is_chosen_and_its_turns_stand_beside_those_of_the_first(beside):
    assert beside.evaluate("[...document.querySelector('.bar select').options].map((one) => one.textContent)") == [
        "nothing",
        "base",
    ]
    put(beside, ".bar select", "1")
    assert beside.evaluate("location.hash") == "#60/ec/base"
    assert beside.evaluate("document.title") == "Client 60: ec and base · compared · sessions"
    turns = "[...row.querySelectorAll('.turn')].map((one) => one.dataset.turn)"
    rows = f"[...document.querySelectorAll('.row')].map((row) => {turns})"
    assert [row for row in beside.evaluate(rows) if row] == [["1", "1"], ["2", "2"], ["3", "3"], ["4"], ["5"]]
    assert texts(beside, ".gone") == ["ec had ended", ""]
    first, second = (beside.evaluate(f"textOf(sessions[{at}]).turns[1].reply") for at in (0, 1))
    cells = [text for text in texts(beside, ".cell:has([data-turn='2']) .counselor .words")]
    assert cells == [first, second] and first != second
    tops = "[...document.querySelectorAll('[data-turn=\"3\"]')].map((one) => one.getBoundingClientRect().top)"
    assert len(set(beside.evaluate(tops))) == 1
    put(beside, ".bar select", "")
    assert beside.evaluate("location.hash") == "#60/ec" and texts(beside, ".strip") == []


def test_an_address_opens_two_and_one_of_an_unknown_run_is_said(beside):
    go(beside, "61", "base", "ec")
    assert texts(beside, ".arm") == ["base", "ec"] and findings(beside) == []
    go(beside, "62", "ec")
    assert texts(beside, "#unknown:not([hidden])") == ["There is no session “62/ec” in this gallery."]
    go(beside, "62")
    assert texts(beside, ".bar select") == [] and len(texts(beside, ".turn")) == 5
    beside.evaluate("history.replaceState(null, '', location.pathname), close()")


def test_a_run_is_named_as_in_the_gallery_or_by_its_folder(beside):
    go(beside, "61", "mirror-base", "mirror-ec")
    assert texts(beside, ".arm") == ["base", "ec"]
    go(beside, "60", "mirror-base")
    assert texts(beside, "#unknown:not([hidden])") == [] and beside.evaluate("reader.session.run.name") == "base"
    beside.evaluate("history.replaceState(null, '', location.pathname), close()")


def test_trust_is_a_line_and_a_note_in_each_turn(beside):
    go(beside, "60", "ec", "base")
    assert texts(beside, ".trust-line") == ["trust 30 → 55"]
    assert beside.evaluate("document.querySelector('svg').getAttribute('aria-label')") == "trust by turn: 30, 20, 55"
    assert texts(beside, ".trust") == [
        "trust 30 · closed",
        "trust 20 · closed · after the counselor named",
        "trust 55 · open · after the counselor named",
    ]
    beside.evaluate("history.replaceState(null, '', location.pathname), close()")


def test_a_phone_shows_one_below_the_other_with_their_names(beside):
    beside.resize(390, 844, phone=True)
    go(beside, "60", "ec", "base")
    assert beside.evaluate("document.documentElement.scrollWidth") == 390
    assert texts(beside, ".cell .arm-name")[:4] == ["ec", "base", "ec", "base"]
    assert beside.evaluate("document.querySelector('.arm-name').checkVisibility()") and findings(beside) == []
    beside.evaluate("history.replaceState(null, '', location.pathname), close()")


def test_a_note_belongs_to_the_session_of_its_run(beside):
    go(beside, "60", "ec", "base")
    beside.evaluate(
        "[...document.querySelectorAll('.notes textarea')].forEach((one, side) => {"
        "one.value = `side ${side}`; one.dispatchEvent(new Event('input')) })"
    )
    kept = beside.evaluate("gallery.runs.map(({key}) => notes.get(key)['60'].text)")
    assert kept == ["side 0", "side 1"]
    beside.evaluate("history.replaceState(null, '', location.pathname), close()")
