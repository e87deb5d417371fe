"""The estimate of a run against the bill of a server that counts for itself, before and after the first session."""

import json
from hashlib import sha256

import pytest

from mirror.counseling.spending.spent import dollars, priced_roles, read_spent
from tests.loopback_counseling import loopback_run, session_folders
from tests.openai_server import Body, OpenAIServer, Text, completion

WORDS = "well it was raining again on that morning and nobody in the office would tell me what they thought".split()
LIMITS = {"max_turns": 6, "describer": "lexicon", "sees_face": False}


def counted(request):
    """Lines of 20 to 40 words; every word of every message has four thirds of a token, as OpenAI's other rule says."""
    digest = sha256(json.dumps(request.body["messages"]).encode()).digest()
    words = " ".join(WORDS[(place + digest[1]) % len(WORDS)] for place in range(20 + digest[0] % 21))
    text = f"Client: [looks away] {words}." if request.body["model"] == "c" else f"{words}."
    body = completion(request, Text(text))
    read = sum(len(message["content"].split()) for message in request.body["messages"])
    body["usage"] = {"prompt_tokens": read * 4 // 3, "completion_tokens": len(text.split()) * 4 // 3}
    return Body(json.dumps(body).encode())


def shown(counsel):
    table = counsel.estimate().set_index("what")
    numbers = table.drop("basis").replace(",", "", regex=True)
    return numbers.loc[[not name.startswith("budget") for name in numbers.index]], table.loc["basis", "in all"]


@pytest.mark.slow
def test_the_estimate_is_within_a_fifth_of_the_bill(output):
    with OpenAIServer(default=counted) as server:
        counsel = loopback_run(server, **LIMITS)
        before, basis = shown(counsel)
        assert basis.startswith("a token per 4 characters") and not counsel.run.folder.exists()
        counsel.first()
        after, basis = shown(counsel)
        assert basis == "the means of 1 complete session"
        assert (after.loc["sessions", "so far"], after.loc["turns", "so far"]) == ("1", "6")
        counsel.counsel()
    spent = read_spent(session_folders(counsel))
    bill = {"dollars": dollars(priced_roles(counsel.settings), spent.tokens), "sessions": 4, "turns": 24}
    for role in ("client", "counselor"):
        bill |= {f"tokens read, {role}": spent.tokens[f"{role}_prompt"]}
        bill |= {f"tokens written, {role}": spent.tokens[f"{role}_completion"]}
    for name, amount in bill.items():
        assert float(before.loc[name, "in all"]) == pytest.approx(amount, rel=0.2), name
        assert float(after.loc[name, "in all"]) == pytest.approx(amount, rel=0.2), name
        assert float(before.loc[name, "at most"]) >= amount
    size = sum(path.stat().st_size for path in (counsel.run.folder / "sessions").rglob("*") if path.is_file())
    assert float(after.loc["disk, GB", "in all"]) == pytest.approx(size / 1e9, rel=0.2)
    done, basis = shown(counsel)
    assert basis == "the means of 4 complete sessions"
    for name, amount in (bill | {"hours": spent.seconds / 3600, "disk, GB": size / 1e9}).items():
        assert float(done.loc[name, "so far"]) == float(done.loc[name, "in all"]) == pytest.approx(amount, rel=0.01), (
            name
        )


def test_a_limit_says_for_how_many_sessions_it_is_expected_to_last(output):
    with OpenAIServer() as server:
        counsel = loopback_run(server, budget_hours=1000.0)
        dollar = float(shown(counsel)[0].loc["dollars", "in all"])
        half = loopback_run(server, budget_dollars=dollar / 2, budget_hours=1000.0)
        table = half.estimate().set_index("what")["in all"]
    assert table["budget_dollars"].endswith(": for some 2 sessions")
    assert table["budget_hours"] == "1,000: for some 4 sessions"


def test_a_run_that_starts_over_is_estimated_from_nothing(output):
    with OpenAIServer() as server:
        counsel = loopback_run(server, sessions=1).run
        counsel.open()
        (counsel.folder / "sessions/60").mkdir(parents=True)
        (counsel.folder / "sessions/60/turns.jsonl").write_text("not a turn\n")
        assert shown(loopback_run(server, sessions=1, fresh=True))[0].loc["turns", "so far"] == "0"
        assert shown(loopback_run(server, sessions=1))[0].loc["turns", "so far"] == "0"  # damaged: nothing to count


def test_every_session_of_a_client_counts(output):
    with OpenAIServer() as server:
        once, twice = (shown(loopback_run(server, sessions_per_client=number))[0] for number in (1, 2))
        without = shown(loopback_run(server, sessions_per_client=2, memory="none"))[0]
    assert (twice.loc["sessions", "in all"], twice.loc["turns", "at most"]) == ("8", "24")
    dollars = [float(table.loc["dollars", "in all"]) for table in (once, without, twice)]
    assert dollars[1] == pytest.approx(2 * dollars[0], rel=0.01) and dollars[2] > 1.1 * dollars[1]
