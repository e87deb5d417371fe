"""The replies of a run are held against what its clients' cues show, and against the face that the counselor saw."""

import json
import shutil

from mirror.transcripts.turn import Turn
from pocket.coherence.runs import COLUMNS, check_run, format_row, shown_expression
from pocket.drawing.expressions import EXPRESSIONS


def test_every_cue_of_an_expression_shows_it():
    for expression in EXPRESSIONS.values():
        for feeling in expression.feelings:
            assert shown_expression(Turn(number=1, cue=f"looks {feeling}", words="", client_raw="")) == expression.name


def test_every_reply_of_a_run_is_checked_and_counted(run):
    checked = check_run(run)
    assert [one.fit.all for one in checked] == [True, False]
    assert [(one.session, one.turn.number, one.shown) for one in checked] == [("65", 1, "calm"), ("65", 2, "calm")]
    row = dict(zip(COLUMNS, format_row("base", checked), strict=True))
    assert (row["name"], row["worry"], row["face"], row["plans"]) == ("50.0% (1)", "100.0% (2)", "50.0% (1)", "-")


def test_a_reply_to_another_clients_face_is_held_against_that_face_too(run):
    """The client looks calm in both turns; the other client's face is sad in the second."""
    other = run.with_name("other")
    shutil.copytree(run, other)
    change(other, lambda turn: turn | {"cue": "looks sad" if turn["number"] == 2 else "looks calm"})

    def swap(turn):
        source = f"other/65/{turn['number']}"
        return turn | {"seen": {"condition": "swapped", "file": "faces/01.png", "words": "", "source": source}}

    change(run, swap)
    checked = check_run(run)
    assert [(one.shown, one.seen, set(one.fit.feelings)) for one in checked] == [
        ("calm", "calm", {"calm"}),
        ("calm", "sad", {"sad"}),
    ]
    row = dict(zip(COLUMNS, format_row("base", checked), strict=True))
    assert (row["names a feeling"], row["the client's"]) == ("100.0% (2)", "50.0% (1)")
    assert (row["the seen face's"], row["saw the client's"]) == ("100.0% (2)", "50.0% (1)")


def change(run, changed):
    file = run / "sessions/65/turns.jsonl"
    turns = [changed(json.loads(line)) for line in file.read_text().splitlines()]
    file.write_text("".join(f"{json.dumps(turn)}\n" for turn in turns))
