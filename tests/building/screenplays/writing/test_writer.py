"""Sessions written by a chat model: every answer is on disk once, whatever the vendor and the machine do."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest

from mirror.building.screenplays.writing.commission import KINDS
from mirror.building.screenplays.writing.journal import FILE, WrittenRecord
from mirror.building.screenplays.writing.writer import WritingStopped
from mirror.files.json_lines import read_lines
from mirror.seeds import seed_for
from tests import ROOT
from tests.openai_server import Body, OpenAIServer, Status, Text, together
from tests.written_sessions import client, person, session, writer, written

WORK = """
import os, sys
from pathlib import Path
from tests.written_sessions import client, writer
for line in sys.stdin:
    url, folder = line.split()
    if not (child := os.fork()):
        writer(url, Path(folder), concurrency=3).write([client(n) for n in range(6)], ["emotional", "no"])
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def processes():
    """Starts a writer in a process of its own for each line `<url> <folder>`; says its number, and how it ended."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", WORK], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        yield starter


@pytest.fixture
def server():
    with OpenAIServer(default=written) as server:
        yield server


def journal(folder):
    return read_lines(folder / FILE, WrittenRecord)


def test_a_session_is_written_for_every_client_and_kind(server, tmp_path):
    found = writer(server.url, tmp_path).write([client(2), client(1)], KINDS)
    assert [one.idx for one in found.kept] == sorted(f"cactus-{n}-{kind}-resistance" for n in (1, 2) for kind in KINDS)
    first = found.kept[0]
    assert first.client == "cactus-1" and first.info.personality == "Behavioral Resistance"
    assert first.lines[1].words == "I see Person 1." and first.lines[0].direction == "looks down"
    assert (first.technique, first.plan) == ("Pie Chart Technique", client(1).plan)
    assert not found.dropped and len(server.requests) == 8 == len(journal(tmp_path))


def test_the_prompt_holds_the_client_the_plan_and_the_kind(server, tmp_path):
    writer(server.url, tmp_path, concurrency=1).write([client(1, reason="Braces {plan} stay.")], KINDS)
    bodies = [request.body for request in server.requests]
    words = [request.words for request in server.requests]
    assert len(set(words)) == 4
    for text in words:
        assert "Person 1, a baker" in text and "Braces {plan} stay." in text and "Pie Chart Technique" in text
        assert "1. Look at the week.\n2. Draw the chart." in text
    assert {body["temperature"] for body in bodies} == {0.7} and {body["top_p"] for body in bodies} == {0.9}
    assert {(body["max_tokens"], body["presence_penalty"], body["frequency_penalty"]) for body in bodies} == {
        (1024, 0.2, 0.2)
    }
    assert len({body["seed"] for body in bodies}) == 4
    (record,) = [one for one in journal(tmp_path) if one.idx == "cactus-1-no-resistance"]
    assert record.seed == seed_for(42, "screenplay", "cactus-1-no-resistance", 1)


def test_requests_go_out_together(server, tmp_path):
    server.answers(*[together(4, written)] * 4)
    assert len(writer(server.url, tmp_path, concurrency=4).write([client(1)], KINDS).kept) == 4


def test_nothing_is_asked_twice(server, tmp_path):
    clients = [client(n) for n in range(3)]
    first = writer(server.url, tmp_path).write(clients, ["no"])
    again = writer(server.url, tmp_path, concurrency=1).write(clients[::-1], ["no"])
    assert first == again and len(server.requests) == 3


def test_what_changes_the_answer_asks_again(server, tmp_path):
    writer(server.url, tmp_path).write([client(1)], ["no"])
    for options in ({"seed": 1}, {"temperature": 0.1}):
        writer(server.url, tmp_path, **options).write([client(1)], ["no"])
    writer(server.url, tmp_path).write([client(1, name="Ada", distorted_thought="Another.")], ["no"])
    assert len(server.requests) == 4 == len(journal(tmp_path))


REJECTED = {
    "odd line": Text("Here is the session:\nClient: [nods]\nTherapist: Yes."),
    "third speaker": Text("Client: [nods]\nMother: No!\nTherapist: Yes."),
    "no exchange": Text("Client: [nods]"),
    "cut off": Text(session("you"), "length"),
    "no text": Text(""),
    "only reasoning": Text("<think>Client: [nods]\nTherapist: Yes.", "length"),
    "refusal": Text(None, refusal="I cannot."),
}


@pytest.mark.parametrize("answer", REJECTED.values(), ids=REJECTED)
def test_a_rejected_answer_is_kept_and_asked_again_with_another_seed(server, tmp_path, answer):
    server.answers(answer)
    found = writer(server.url, tmp_path).write([client(1)], ["no"])
    assert [one.idx for one in found.kept] == ["cactus-1-no-resistance"] and not found.dropped
    assert [one.attempt for one in journal(tmp_path)] == [1, 2]
    assert len({request.body["seed"] for request in server.requests}) == 2
    writer(server.url, tmp_path).write([client(1)], ["no"])
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer, reason",
    [
        (REJECTED["odd line"], "unparsable"),
        (REJECTED["cut off"], "cut_off"),
        (REJECTED["no text"], "no_text"),
    ],
    ids=["unparsable", "cut off", "no text"],
)
def test_a_session_without_a_usable_answer_is_dropped(server, tmp_path, answer, reason):
    server.default = lambda request: answer if "Person 1" in request.words else written(request)
    found = writer(server.url, tmp_path).write([client(1), client(2)], ["no"])
    (dropped,) = found.dropped
    assert (dropped.step, dropped.idx, dropped.reason) == ("write", "cactus-1-no-resistance", reason)
    assert "2 of 2 attempts" in dropped.detail
    assert writer(server.url, tmp_path).write([client(1), client(2)], ["no"]) == found
    assert len(server.requests) == 3


def test_reasoning_is_not_part_of_a_session(server, tmp_path):
    server.answers(Text(f"<think>\nClient: [no]\n</think>\n{session('you')}"))
    (found,) = writer(server.url, tmp_path).write([client(1)], ["no"]).kept
    assert len(found.lines) == 4


def test_a_questions_own_refusal_is_dropped(server, tmp_path):
    refusal = Status(400, "This model's maximum context length is 10 tokens", code="context_length_exceeded")
    server.default = lambda request: refusal if "Person 1" in request.words else written(request)
    found = writer(server.url, tmp_path).write([client(n) for n in range(3)], ["no"])
    assert len(found.kept) == 2 and [one.reason for one in found.dropped] == ["too_long"]
    assert len(server.requests) == 3


def test_a_refusal_without_a_known_reason_is_dropped_if_others_are_answered(server, tmp_path):
    server.default = lambda request: Status(400, "odd") if "Person 1" in request.words else written(request)
    found = writer(server.url, tmp_path).write([client(n) for n in range(3)], ["no"])
    assert len(found.kept) == 2 and [one.reason for one in found.dropped] == ["refused"]
    assert len(journal(tmp_path)) == 2  # it may be answered another day, and costs nothing


VENDORS = {
    "html at 200": Body(b"<html>Sign in</html>", "text/html"),
    "rate": Status(429, "slow down", retry_after=0),
    "key": Status(401, "no such key"),
    "broken": Status(500, "oh"),
    "parameters": Status(400, "odd"),
}


@pytest.mark.parametrize("fault", VENDORS.values(), ids=VENDORS)
def test_a_vendors_fault_ends_the_writing_and_says_how_to_go_on(server, tmp_path, fault):
    clients = [client(n) for n in range(8)]
    answered = iter([True, True])
    lock = threading.Lock()

    def script(request):
        with lock:
            return written(request) if next(answered, False) else fault

    server.default = script
    with pytest.raises(WritingStopped, match="start the same build again") as stopped:
        writer(server.url, tmp_path, concurrency=2).write(clients, ["no"])
    assert "2 answers so far" in str(stopped.value)
    assert len(journal(tmp_path)) == 2 and len(server.requests) < 8
    asked = Counter(person(request) for request in server.requests)
    paid = {f"Person {one.idx.split('-')[1]}" for one in journal(tmp_path)}
    server.default = written
    found = writer(server.url, tmp_path).write(clients, ["no"])
    assert len(found.kept) == 8
    total = Counter(person(request) for request in server.requests)
    assert all(total[name] == asked[name] == 1 for name in paid)


def test_a_journal_that_cannot_be_written_ends_the_writing(server, tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError):
        writer(server.url, tmp_path, concurrency=1).write([client(n) for n in range(5)], ["no"])
    assert len(server.requests) == 1


def test_the_same_client_twice_is_one(server, tmp_path):
    from dataclasses import replace

    twice = [replace(client(1), idx=f"cactus-1-{kind}-resistance") for kind in ("no", "cognitive")]
    found = writer(server.url, tmp_path).write(twice, ["no"])
    assert [one.idx for one in found.kept] == ["cactus-1-no-resistance"]
    assert [(one.idx, one.reason) for one in found.dropped] == [("cactus-1-no-resistance", "same_client")]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 4, 7, 11])
@pytest.mark.proof
def test_a_killed_writer_pays_nothing_twice(server, processes, tmp_path, moment):
    """The process is killed while the answer of the given number is being made: SIGKILL, with others in flight."""
    arrived, gate = threading.Event(), threading.Event()
    count, lock = iter(range(1, 100)), threading.Lock()

    def script(request):
        with lock:
            number = next(count)
        if number >= moment and not gate.is_set():
            arrived.set()
            gate.wait(30)
        return written(request)

    server.default = script
    print(server.url, tmp_path, file=processes.stdin, flush=True)
    number = int(processes.stdout.readline())
    assert arrived.wait(60)
    os.kill(number, signal.SIGKILL)
    assert int(processes.stdout.readline()) == -signal.SIGKILL
    with open(tmp_path / FILE, "ab") as file:
        file.write(b'{"idx": "torn')
    kept = {(one.idx, one.attempt): one.raw for one in journal(tmp_path)}
    gate.set()
    clients, kinds = [client(n) for n in range(6)], ["emotional", "no"]
    with OpenAIServer(default=written) as other:  # of its own, as requests of the killed process may still arrive
        found = writer(other.url, tmp_path, concurrency=3).write(clients, kinds)
    asked = Counter(request.body["seed"] for request in server.requests + other.requests)
    assert len(found.kept) == 12 == len(asked)
    assert asked.total() - 12 <= 3  # at most the requests in flight
    assert len(other.requests) == 12 - len(kept)
    unbroken = writer(server.url, tmp_path / "other").write(clients, kinds)
    assert unbroken == found
    assert len(journal(tmp_path)) == 12


def test_the_cost_is_known_before_and_after(server, tmp_path):
    from mirror.chat.prices import Price

    clients, price = [client(n) for n in range(3)], Price(1, 2)
    one = writer(server.url, tmp_path)
    before = one.estimate(clients, ["no", "cognitive"], price)
    assert (before.requests, before.most_requests, before.answers, before.dollars_so_far) == (6, 12, 0, 0)
    assert before.most_completion_tokens == 12 * 1024 and before.completion_tokens == 6 * 700
    assert not server.requests
    one.write(clients, ["no"])
    after = writer(server.url, tmp_path).estimate(clients, ["no", "cognitive"], price)
    (spoken,) = {record.completion_tokens for record in journal(tmp_path)}
    read = sum(record.prompt_tokens for record in journal(tmp_path))
    assert (after.requests, after.answers) == (3, 3) and after.completion_tokens == 3 * spoken
    assert after.dollars_so_far == pytest.approx((read + 2 * 3 * spoken) / 1e6)
    assert list(after.table()["cost"]) == ["so far", "expected", "at most"]
    assert after.table()["dollars"].is_monotonic_increasing or after.dollars <= after.most_dollars
    assert writer(server.url, tmp_path).estimate(clients, ["no"]).dollars is None


def test_a_changed_journal_is_named(server, tmp_path):
    writer(server.url, tmp_path).write([client(1)], ["no"])
    path = tmp_path / FILE
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"raw": "Client: [nods]"}) + "\n")
    with pytest.raises(ValueError, match=re.escape(FILE) + ".*line 1.*changed"):
        writer(server.url, tmp_path)
