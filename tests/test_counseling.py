"""A run of sessions: its share of the table, its record, how it ends, and that it goes on."""

import json

import pytest
from test_settings_counsel import DEFAULTS

from mirror import counseling, figures
from mirror.counseling import Counseling, SessionsFailed
from mirror.run import RunConflict
from mirror.session import Outcome
from mirror.settings import CounselSettings

SMALL = {"sessions": 2, "max_turns": 2, "attempts": 1, "steps": 1, "merge_step": 0, "max_new_tokens": 4, "cot": "ec"}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    for variable in ("IMG_VERIFICATION_URL", "IMG_DESCRIPTION_URL"):
        monkeypatch.delenv(variable, raising=False)


def run(**changes):
    return Counseling(CounselSettings.checked(DEFAULTS | SMALL | changes, "parameter"))


def test_a_run_counsels_its_clients_and_records_who_did_it(output, capsys):
    counsel = run()
    first = counsel.first()
    assert len(first.turns()) == 2
    table = counsel.counsel()
    assert list(table.idx) == [p.idx for p in counsel.profiles] and set(table.status) == {"complete"}
    record = json.loads((output / "results/counsel-pocket-ec/provenance.json").read_text())
    assert record["status"] == "complete" and (record["sessions"], record["failed"]) == (2, 0)
    assert record["cast"].keys() == {"client", "describer", "painter", "verifier", "counselor"}
    assert record["cast"]["counselor"]["cot"] == "ec" and record["cast"]["verifier"]["identity"]["threshold"] > 0
    page = figures.session(first)
    assert page.count("data:image/png;base64,") == 2 and first.turns()[1].words in page.replace("&#x27;", "'")
    assert "4/4" in capsys.readouterr().err


def test_shares_of_the_table_make_it_whole(output):
    whole = [p.idx for p in run(sessions=0).profiles]
    shares = [[p.idx for p in run(sessions=0, shard=f"{n}/3").profiles] for n in (1, 2, 3)]
    assert sorted(sum(shares, [])) == whole and max(map(len, shares)) - min(map(len, shares)) <= 1
    assert run(sessions=3).clients().idx.tolist() == whole[:3]


def test_a_run_with_other_settings_is_refused(output):
    run()
    with pytest.raises(RunConflict, match="seed was 0 and is 1"):
        run(seed=1)


def test_a_run_in_which_a_session_failed_says_which_and_how_to_go_on(output, monkeypatch):
    counsel = run()
    failed = [Outcome("60", 2, "complete", "2 turns"), Outcome("61", 1, "failed", "ChatError: 429")]
    monkeypatch.setattr(counseling, "run_sessions", lambda *_: failed)
    with pytest.raises(SessionsFailed) as error:
        counsel.counsel()
    assert "1 of 2 sessions failed:\n  61: ChatError: 429\n" in str(error.value)
    assert "start the same run again to retry only these" in str(error.value)
    assert counsel.run.provenance["status"] == "incomplete"
