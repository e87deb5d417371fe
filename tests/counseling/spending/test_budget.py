"""Runs that a budget stops: no turn is lost, none begins afterwards, and what goes on ends as what never stopped."""

import json
import shutil
from hashlib import sha256
from random import Random

import pytest

from mirror.analysis.metrics import read_metrics
from mirror.chat.prices import Price
from mirror.counseling.run import SessionsFailed
from mirror.counseling.spending.budget import Budget
from mirror.counseling.spending.spent import Spent, dollars, priced_roles, read_spent, tokens_of
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from tests.loopback_counseling import close, loopback_run, session_files, session_folders
from tests.openai_server import OpenAIServer, Status, Text


def answer(request):
    """Follows from what was asked, and is of another length each time."""
    digest = sha256(json.dumps(request.body["messages"]).encode()).digest()
    words = "Yes, " + "and then I thought of it again, " * (digest[0] % 7)
    return Text(f"Client: [nods] {words}" if request.body["model"] == "c" else f"Therapist: {words}")


@pytest.fixture(scope="module")
def server():
    with OpenAIServer(default=answer) as server:
        yield server


@pytest.fixture(scope="module")
def cast(server):
    cast = loopback_run(server).cast
    yield cast
    close(cast)


def bill(counsel):
    """What the turns on disk come to, in dollars and tokens."""
    spent = read_spent(session_folders(counsel))
    return {
        "budget_dollars": dollars(priced_roles(counsel.settings), spent.tokens),
        "budget_tokens": tokens_of(("client", "counselor"), spent.tokens),
    }


@pytest.fixture
def written(monkeypatch):
    """The turns in the order in which they were written: session and tokens."""
    found, append = [], SessionFolder.append

    def listening(self, turn, *given):
        append(self, turn, *given)
        found.append((self.folder.name, turn.tokens))

    monkeypatch.setattr(SessionFolder, "append", listening)
    return found


@pytest.mark.slow
@pytest.mark.proof
def test_a_budget_that_is_reached_at_any_moment_loses_no_turn_and_changes_none(server, cast, output, written, moments):
    whole = loopback_run(server, cast)
    assert set(whole.counsel().status) == {"complete"} and not whole.stopped
    unbroken, total = session_files(whole), bill(whole)
    random = Random(7)
    for moment in range(moments):
        shutil.rmtree(whole.run.folder)
        name = ("budget_dollars", "budget_tokens")[moment % 2]
        budget = (int if name == "budget_tokens" else float)(total[name] * random.uniform(0.02, 0.7))
        concurrency, waves = random.choice([(1, 1), (2, 2), (3, 1), (3, 2), (4, 3)])
        how = {"concurrency": concurrency, "waves": waves}
        written.clear()
        server.requests.clear()
        counsel = loopback_run(server, cast, **{name: budget}, **how)
        counsel.counsel()
        spent = bill(counsel)[name]
        assert budget <= spent < total[name] and counsel.stopped.startswith(f"The budget is used up, {name}: ")
        begun = sum(request.body["model"] == "c" for request in server.requests)
        assert begun == len(written) == sum(len(folder.turns()) for folder in session_folders(counsel))
        assert_none_begins_afterwards(counsel, written, name, budget, concurrency)
        before = {name: content for name, content in session_files(counsel).items() if "/faces/" in name}
        assert before.items() <= unbroken.items()
        again = loopback_run(server, cast, **{name: budget}, **how)
        again.counsel()  # the same budget is still used up: nothing is asked
        assert len(server.requests) == 2 * begun and bill(again)[name] == spent
        loopback_run(server, cast, **how).counsel()
        assert session_files(whole) == unbroken


def assert_none_begins_afterwards(counsel, written, name, budget, concurrency):
    """Once the budget is reached, only turns of other sessions that were under way are written."""
    sums, spent = [], Spent()
    for _, tokens in written:
        spent.add(tokens, 0)
        sums.append(Budget.of(counsel.settings, spent).amounts[name])
    reached = next(place for place, amount in enumerate(sums) if amount >= budget)
    sessions = [session for session, _ in written[reached:]]
    assert len(sessions) == len(set(sessions)) <= concurrency


@pytest.mark.slow
def test_a_stopped_run_says_how_far_it_came_and_how_to_go_on(server, cast, output, caplog):
    counsel = loopback_run(server, cast, budget_tokens=1, concurrency=2)
    table = counsel.counsel().set_index("idx")
    first, second, *others = [profile.idx for profile in counsel.profiles]
    assert set(table.status) == {"open"} and list(table.turns) == [1, 1, 0, 0]
    spent = bill(counsel)["budget_tokens"]
    assert counsel.stopped == (
        f"The budget is used up, budget_tokens: 1 (spent {spent:,}). Sessions: 0 of 4 complete, 2 open (turns: 2), "
        "2 not begun. Start the same run again with a larger budget to go on."
    )
    assert counsel.stopped in caplog.messages
    record = counsel.run.provenance
    assert (record["status"], record["open"], record["failed"]) == ("incomplete", 4, 0)
    assert record["stopped"] == counsel.stopped
    assert [folder.ended for folder in session_folders(counsel)] == [None] * 4
    assert {path.name for path in (counsel.run.folder / "sessions").iterdir()} == {first, second}
    sessions = read_metrics(Arm.read(counsel.run.folder)).sessions.set_index("idx")
    assert set(sessions.loc[[first, second], "status"]) == {"open"}  # an analysis leaves them out
    again = loopback_run(server, cast)  # without a limit
    again.counsel()
    assert (again.stopped, again.run.provenance["stopped"], again.run.provenance["open"]) == ("", "", 0)


@pytest.mark.slow
def test_sessions_that_failed_are_named_beside_the_budget(server, cast, output):
    server.answers(Status(400, "no"))
    counsel = loopback_run(server, cast, budget_tokens=1, concurrency=1)
    with pytest.raises(SessionsFailed, match="1 of 4 sessions failed:\n") as error:
        counsel.counsel()
    assert "\n0 are complete in " in str(error.value) and str(error.value).endswith(f"\n{counsel.stopped}")
    assert "Sessions: 0 of 4 complete, 1 open (turns: 1), 2 not begun." in counsel.stopped
    assert counsel.run.provenance["failed"] == 1 and counsel.run.provenance["open"] == 3


@pytest.mark.slow
def test_the_time_of_all_parts_of_a_run_counts(server, cast, output):
    counsel = loopback_run(server, cast, budget_hours=1e-9, sessions=2, concurrency=1)
    counsel.first()
    assert [len(folder.turns()) for folder in session_folders(counsel)] == [1, 0]
    one = read_spent(session_folders(counsel)).seconds
    assert 0 < one == counsel.session(counsel.profiles[0]).elapsed()[1]
    loopback_run(server, cast, sessions=2, concurrency=1, budget_hours=one / 3600).counsel()
    assert [len(folder.turns()) for folder in session_folders(counsel)] == [1, 0]
    loopback_run(server, cast, sessions=2, concurrency=1, budget_hours=one * 1.000001 / 3600).counsel()
    assert [len(folder.turns()) for folder in session_folders(counsel)] == [2, 0]


def test_a_limit_is_reached_once_as_much_is_spent():
    prices, tokens = {"client": Price(2, 10)}, {"client_prompt": 1000, "client_completion": 100, "counselor_prompt": 7}
    budget = Budget({"budget_dollars": 0.006}, prices, ("client",))
    budget.count(tokens, 1)
    assert budget.amounts == {"budget_dollars": 0.003, "budget_tokens": 1100, "budget_hours": 1 / 3600}
    assert budget.used_up == ""
    budget.count(tokens, 1)
    assert budget.used_up == "budget_dollars: 0.006 (spent 0.006)"
    both = Budget({"budget_tokens": 2199, "budget_hours": 2 / 3600}, prices, ("client",), budget.spent)
    assert both.used_up == "budget_tokens: 2,199 (spent 2,200), budget_hours: 0.0005555555556 (spent 0.000555556)"
    assert Budget(spent=budget.spent).used_up == ""


def test_turns_that_overlap_share_the_time_that_passed(monkeypatch):
    clock = iter([3.0, 10.0, 14.0, 15.0])
    monkeypatch.setattr("mirror.counseling.spending.budget.perf_counter", lambda: next(clock))
    budget = Budget(_since=next(clock))
    budget.start()
    assert budget.elapsed(2) == 2.0  # four seconds, two turns
    assert budget.elapsed(0) == 0  # nobody ended: the next ones take it
    assert budget.elapsed(1) == 1.0
