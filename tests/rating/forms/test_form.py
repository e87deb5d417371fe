"""A form in no format: what is rated at once, and what the rater may see then."""

from mirror.rating.forms.form import Form
from mirror.rating.forms.sessions import ShownTurn
from mirror.rating.instrument import read_instrument

TURNS = [ShownTurn(number, "nods", f"words {number}", False, "", f"reply {number}") for number in (1, 2, 3)]


def form(instrument, parts):
    return Form("f", "anna", read_instrument(instrument), "0", {"K7QF": (parts, TURNS), "B3CD": (parts[:1], TURNS)})


def test_a_session_is_rated_with_all_its_turns():
    assert list(form("ctrs", (None,)).parts()) == [(("K7QF", None), TURNS), (("B3CD", None), TURNS)]


def test_a_turn_is_rated_with_what_came_before_and_without_its_reply():
    found = list(form("resistance", (1, 3)).parts())
    assert [part for part, _ in found] == [("K7QF", 1), ("K7QF", 3), ("B3CD", 1)]
    assert [one.reply for one in found[1][1]] == ["reply 1", "reply 2", ""]
    assert [one.words for one in found[0][1]] == ["words 1"]
    assert TURNS[2].reply == "reply 3"


def test_italics_are_explained_where_there_are_some():
    assert "italics" in form("ctrs", (None,)).legend
