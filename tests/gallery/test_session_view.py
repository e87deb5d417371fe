"""What the gallery shows of a session: numbers of its turns, ratings by client, sizes of pictures by their number."""

import pandas as pd

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery.session_view import MANY, Pictures, ratings_by_client, session_view
from mirror.rating.ratings import COLUMNS
from mirror.transcripts.arm import Arm


def test_a_session_counts_its_faces_and_ends_as_it_did(tmp_path):
    write_run(tmp_path / "run", ["7"], 3, 5)
    arm = Arm.read(tmp_path / "run")
    (session,) = arm.sessions
    turns = session.turns()
    view = session_view(arm, session, turns, (), Pictures.of(list(turns)), {})
    assert (view["idx"], view["outcome"], view["faces"], len(view["turns"])) == ("7", "limit", 3, 3)
    assert view["accepted"] + view["exhausted"] == 3 and view["snippet"] == turns[1].words


def test_ratings_are_means_over_repeats_and_rules_are_no_evidence():
    rows = [
        ("1", "ctrs", 1, float("nan"), "focus", 4.0, "gpt-4o", "rated", "judge"),
        ("1", "ctrs", 2, float("nan"), "focus", 5.0, "gpt-4o", "rated", "judge"),
        ("2", "ctrs", 1, 3.0, "focus", float("nan"), "rules", "failed", "judge"),
    ]
    found = ratings_by_client(pd.DataFrame(rows, columns=COLUMNS))
    (rated,), (missing,) = found["1"], found["2"]
    assert (rated.score, rated.turn) == ("4.5", 0)
    assert (missing.score, missing.turn) == ("missing", 3) and "no evidence" in missing.instrument


def test_many_faces_are_smaller(tmp_path):
    write_run(tmp_path / "run", ["7"], 1, 5)
    turns = list(Arm.read(tmp_path / "run").sessions[0].turns())
    assert Pictures.of(turns * (MANY + 1)).side < Pictures.of(turns).side
