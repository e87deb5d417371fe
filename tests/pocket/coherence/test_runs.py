"""The replies of a run are held against what its clients' cues show."""

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
