"""How sessions ended: the failure of a turn, and the sentence on a run that its budget stopped."""

import pytest

from mirror.counseling.outcome import Failure, Outcome, complete_turns, stopped_at
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

ADA = Profile("7", "Ada, 40, a cook", "none", "I am a bad cook.", "I burn the soup.", "woman", ())


def test_a_failure_names_the_error():
    assert Failure.of(ValueError("no words"), 3) == Failure("ValueError: no words")


def test_a_run_that_its_budget_stopped_says_how_far_it_came():
    done, failed = Outcome("7", 3, "complete", "3 turns"), Outcome("7+s2", 0, "failed", "x")
    assert stopped_at([done, failed]) == ""
    left = [Outcome("8", 2, "open", "budget_tokens: 9 (spent 10)"), Outcome("8+s2", 0, "open", "budget_tokens: 9")]
    assert stopped_at([done, failed, *left]) == (
        "The budget is used up, budget_tokens: 9 (spent 10). Sessions: 1 of 4 complete, 1 open (turns: 2), "
        "1 not begun. Start the same run again with a larger budget to go on."
    )


@pytest.mark.parametrize(("status", "turns"), [("complete", 1), ("failed", None), (None, None)])
def test_the_turns_of_a_session_count_once_it_is_complete(tmp_path, status, turns):
    folder = SessionFolder(tmp_path / "7")
    folder.begin(ADA)
    folder.append(Turn(number=1, cue="nods", words="", client_raw="", reply="Hm."), {}, {})
    if status:
        folder.end(status, "as the test asked")
    assert complete_turns(folder) == turns
