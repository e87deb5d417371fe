"""What turns show: complete sessions only, the same numbers as the measures."""

import json

import pytest

from mirror.analysis.comparison import by_arm
from mirror.analysis.measures import OUTCOMES
from mirror.analysis.turnwise import caption_chance, per_turn, points, reactions, unread_captions
from tests.parameters import analyse_settings
from tests.studies import study, write


@pytest.fixture
def arms(tmp_path):
    """The second arm has one session that failed after its turns."""
    base, ec = write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec")
    (ec / "sessions/61/end.json").write_text(json.dumps({"status": "failed", "reason": "x", "turns": 6}))
    return study(base, ec)


def test_the_share_of_replies_that_name_the_feeling_is_the_measure(arms):
    table, (names, *_) = reactions(arms), OUTCOMES
    assert names.key == "names"
    means, _ = by_arm(arms, [names], analyse_settings())
    shown = table[table.reaction == "named"].set_index("arm").share
    assert shown.to_dict() == pytest.approx(means.set_index("arm")["mean"].to_dict())
    assert table.groupby("arm").share.sum().tolist() == pytest.approx([1, 1])
    assert table.groupby("arm").replies.first().to_dict() == {"base": 4 * 6, "ec": 3 * 6}


def test_sessions_that_are_not_complete_have_no_turns(arms):
    assert per_turn(arms, "identity", "cosine", analyse_settings()).groupby("arm").n.max().to_dict() == {
        "base": 4,
        "ec": 3,
    }
    assert points(arms, "identity", ["ec"]).groupby("turn").size().tolist() == [3] * 6
    assert unread_captions(arms, "ec") == (0, 18) and unread_captions(arms, "base") == (0, 0)


def test_turns_have_intervals_within_their_range(arms):
    for key, unit, (lowest, highest) in (("identity", "cosine", (-1, 1)), ("resistant", "share", (0, 1))):
        table = per_turn(arms, key, unit, analyse_settings())
        assert (table.low.dropna() >= lowest).all() and (table.high.dropna() <= highest).all()


def test_chance_is_the_agreement_of_every_caption_with_every_cue(arms):
    turns = arms.turns("ec")
    said, shown = ([set(names.split(", ")) for names in turns[key]] for key in ("caption_feelings", "feelings"))
    expected = sum(bool(one & other) for one in said for other in shown) / len(turns) ** 2
    assert caption_chance(arms, "ec") == pytest.approx(expected)


@pytest.fixture
def returning(tmp_path):
    return study(write(tmp_path, "a", ["60", "60+s2", "61", "61+s2"], sessions_per_client=2))


def test_turns_of_several_sessions_are_means_over_the_clients(returning):
    turns = returning.turns("a").astype({"identity": float, "resistant": float})
    table = per_turn(returning, "identity", "cosine", analyse_settings()).set_index("turn")
    assert set(table.n) == {2} and len(points(returning, "identity", ["a"])) == 2 * 6
    assert table.loc[3, "mean"] == pytest.approx(turns.loc[turns.turn == 3, "identity"].mean())
    shares = per_turn(returning, "resistant", "share", analyse_settings()).set_index("turn")
    assert set(shares.n) == {2}
    assert shares.loc[1, "mean"] == pytest.approx(turns.loc[turns.turn == 1, "resistant"].mean())


def test_replies_of_several_sessions_are_the_measure(returning):
    shown = reactions(returning).set_index("reaction").share["named"]
    means, _ = by_arm(returning, [OUTCOMES[0]], analyse_settings())
    assert shown == pytest.approx(means["mean"][0]) and means["n"][0] == 2


def test_halves_are_of_the_clients(returning):
    found, turns = returning.halves("a", "identity"), returning.turns("a").astype({"identity": float})
    of_client = turns.loc[turns.idx.str.startswith("60") & (turns.turn > 3)]
    assert found.index.tolist() == ["60", "61"]
    assert found.loc["60", "late"] == pytest.approx(of_client.identity.mean())
