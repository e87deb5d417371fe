"""What the gallery shows of a session: numbers of its turns, what it leaves out, its digest."""

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery.pictures import Sizes
from mirror.gallery.session_view import session_view
from mirror.gallery.shown_ratings import ShownRating
from mirror.transcripts.arm import Arm
from mirror.transcripts.flags import TurnFlag
from tests.galleries import be, change


def view_of(folder, flags=(), ratings=()):
    arm = Arm.read(folder)
    (session,) = arm.sessions
    return session_view(arm, session, session.turns(), flags, Sizes(32, True), ratings)


def test_a_session_counts_its_faces_and_ends_as_it_did(tmp_path):
    write_run(tmp_path / "run", ["7+s2"], 3, 5)
    view = view_of(tmp_path / "run")
    row, turns = view.row, Arm.read(tmp_path / "run").sessions[0].turns()
    assert (row["idx"], row["client"], row["number"]) == ("7+s2", "7", 2)
    assert (row["outcome"], row["faces"], row["turns"]) == ("limit", 3, 3)
    assert row["accepted"] + row["exhausted"] == 3 and row["snippet"] == turns[1].words
    assert row["attempts"] == sum(len(turn.face.attempts) for turn in turns)
    assert view.text["ended"] == "3 turns" and len(view.text["turns"]) == 3


def test_flags_and_ratings_stand_with_the_session_and_their_turns(tmp_path):
    write_run(tmp_path / "run", ["7"], 2, 5)
    flags = [
        TurnFlag(2, "client", "self_harm", "active", "die"),
        TurnFlag(2, "counselor", "medical_advice", "", "stop"),
    ]
    ratings = [
        ShownRating("ctrs, m", "focus", 0, 4.0),
        ShownRating("r, m", "all", 1, 2.0),
        ShownRating("r, m", "all", 2, 3.0),
    ]
    view = view_of(tmp_path / "run", flags, ratings)
    assert view.row["flagged"] == 1 and view.row["flags"] == [
        "client · self harm · active",
        "counselor · medical advice",
    ]
    assert view.row["scores"] == {"ctrs, m: focus": 4.0, "r, m: all, mean over turns": 2.5}
    assert view.text["ratings"] == [("ctrs, m", [("focus", "4")])]
    first, second = view.text["turns"]
    assert first["ratings"] == [("all", "2")] and "flags" not in first
    assert second["flags"] == [("client", flags[0].label, "die"), ("counselor", flags[1].label, "stop")]


def test_a_plan_is_shown_where_it_is_new_and_a_caption_is_compared_with_the_cue(tmp_path):
    write_run(tmp_path / "run", ["7"], 3, 5, "ec_planning")
    change(tmp_path / "run", "7", 2, cue="looks down sadly", caption="Looks sad")
    change(tmp_path / "run", "7", 3, cue="looks down sadly", caption="Looks calm")
    first, second, third = view_of(tmp_path / "run").text["turns"]
    assert ["plan" in one for one in (first, second, third)] == [False, True, False]
    assert (second["agrees"], third["agrees"]) == ("yes", "no")


def test_the_digest_changes_with_what_was_said(tmp_path):
    write_run(tmp_path / "run", ["7"], 2, 5)
    before = view_of(tmp_path / "run").row["digest"]
    assert view_of(tmp_path / "run").row["digest"] == before
    change(tmp_path / "run", "7", 2, reply="Another.")
    assert view_of(tmp_path / "run").row["digest"] != before


def test_what_the_client_is_stands_without_the_name_that_is_the_heading(tmp_path):
    write_run(tmp_path / "run", ["7"], 1, 5)
    be(tmp_path / "run", "7", name="Tess", personal_info="Tess, 64, a teacher", resistance="emotional")
    view = view_of(tmp_path / "run")
    assert view.text["about"] == "64, a teacher" and view.row["resistance"] == "emotional"
    assert view.text["portrait"] is None
