"""Sessions by a vendor's batches: files out, files back in any order, and nothing twice."""

import json
import random

import pytest

from mirror.building.screenplays.writing.journal import FILE, WrittenRecord
from mirror.chat.batch_files import BatchPending, request_files
from mirror.files.json_lines import read_lines
from tests.openai_server import OpenAIServer, Status, Text
from tests.vendor_batches import run_batch
from tests.written_sessions import client, person, writer, written

URL = "http://127.0.0.1:9/v1"  # nothing answers there, and nothing asks
CLIENTS = [client(n) for n in range(4)]


def start(folder, kinds=("no",), **options):
    """One start of the build."""
    return writer(URL, folder, **options).write_in_batches(CLIENTS, kinds)


def pending(folder, **options):
    with pytest.raises(BatchPending) as waiting:
        start(folder, **options)
    return str(waiting.value)


def files(folder):
    return [path.name for path in request_files(folder / "batch")]


def ids(folder, name):
    return [json.loads(line)["custom_id"] for line in (folder / "batch" / name).read_text().splitlines()]


def test_sessions_are_those_of_plain_requests(tmp_path):
    message = pending(tmp_path)
    assert "4 requests wait" in message and "requests-001.jsonl" in message and "batch/answers/" in message
    run_batch(tmp_path / "batch/requests-001.jsonl", written, tmp_path / "batch/answers")
    found = start(tmp_path)
    with OpenAIServer(default=written) as server:
        plain = writer(server.url, tmp_path / "plain").write(CLIENTS, ["no"])
    assert found == plain and len(found.kept) == 4
    lines = (tmp_path / "batch/requests-001.jsonl").read_text().splitlines()
    bodies = sorted((json.loads(line)["body"] for line in lines), key=str)
    assert bodies == sorted((request.body for request in server.requests), key=str)


def test_a_start_before_the_answers_writes_nothing_new(tmp_path):
    pending(tmp_path)
    assert "Upload" not in pending(tmp_path) and files(tmp_path) == ["requests-001.jsonl"]
    (tmp_path / "batch/requests-001.jsonl").unlink()  # its batch was lost
    assert "Upload" in pending(tmp_path) and files(tmp_path) == ["requests-001.jsonl"]


def test_what_failed_or_was_rejected_goes_into_one_new_file(tmp_path):
    pending(tmp_path)
    given = {"Person 0": Text("no session"), "Person 1": None, "Person 2": Status(500, "oh")}
    answers = tmp_path / "batch/answers"
    run_batch(tmp_path / "batch/requests-001.jsonl", lambda r: given.get(person(r), written(r)), answers)
    message = pending(tmp_path)
    assert "3 requests wait" in message and "batch_expired" in message and "500" in message
    assert [name.rsplit(":", 1)[0] for name in ids(tmp_path, "requests-002.jsonl")] == [
        "cactus-0-no-resistance:2",
        "cactus-1-no-resistance:1",
        "cactus-2-no-resistance:1",
    ]
    pending(tmp_path)
    for copy in answers.glob("*error.jsonl"):  # the same failure twice is one
        (answers / f"copy-{copy.name}").write_text(copy.read_text())
    pending(tmp_path)
    assert files(tmp_path) == ["requests-001.jsonl", "requests-002.jsonl"]
    run_batch(tmp_path / "batch/requests-002.jsonl", written, answers, "batch_2")
    found = start(tmp_path)
    assert len(found.kept) == 4 and not found.dropped
    records = read_lines(tmp_path / FILE, WrittenRecord)
    assert sorted((one.idx, one.attempt) for one in records) == [
        ("cactus-0-no-resistance", 1),
        ("cactus-0-no-resistance", 2),
        *((f"cactus-{n}-no-resistance", 1) for n in (1, 2, 3)),
    ]
    assert start(tmp_path) == found and len(read_lines(tmp_path / FILE, WrittenRecord)) == 5


def test_shuffled_answers_in_many_files_are_the_same(tmp_path):
    pending(tmp_path)
    outputs, _ = run_batch(tmp_path / "batch/requests-001.jsonl", written, tmp_path / "batch/answers")
    first = start(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / "batch/answers/batch_1_output.jsonl").unlink()
    lines = [json.dumps(record) for record in (*outputs, *outputs[:2])]
    random.Random(3).shuffle(lines)
    (tmp_path / "batch/answers/b.jsonl").write_text("\n".join(lines[:3]))
    (tmp_path / "batch/answers/a.jsonl").write_text("\n".join(lines[3:]) + "\n")
    assert start(tmp_path) == first


def test_a_part_of_the_answers_is_kept_and_the_rest_waits(tmp_path):
    pending(tmp_path)
    outputs, _ = run_batch(tmp_path / "batch/requests-001.jsonl", written, tmp_path / "batch/answers")
    path = tmp_path / "batch/answers/batch_1_output.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in outputs[:2]) + '\n{"id": "torn')
    with pytest.raises(ValueError, match="line 3.*not JSON"):
        start(tmp_path)
    assert len(read_lines(tmp_path / FILE, WrittenRecord)) == 2 and files(tmp_path) == ["requests-001.jsonl"]
    path.write_text("\n".join(json.dumps(record) for record in outputs[:3]) + "\n")
    assert "1 requests wait" in pending(tmp_path) and files(tmp_path) == ["requests-001.jsonl"]
    path.unlink()  # what is in the journal needs its file no more
    assert "1 requests wait" in pending(tmp_path)


def test_an_answer_beats_a_failure_of_the_same_request(tmp_path):
    pending(tmp_path)
    answers = tmp_path / "batch/answers"
    run_batch(tmp_path / "batch/requests-001.jsonl", lambda _: None, answers)
    run_batch(tmp_path / "batch/requests-001.jsonl", written, answers, "again")
    assert len(start(tmp_path).kept) == 4


def test_unknown_answers_are_named(tmp_path, caplog):
    pending(tmp_path)
    outputs, _ = run_batch(tmp_path / "batch/requests-001.jsonl", written, tmp_path / "batch/answers")
    stranger = json.dumps(outputs[0] | {"custom_id": "somebody-else"})
    (tmp_path / "batch/answers/x.jsonl").write_text(stranger + "\n")
    assert len(start(tmp_path).kept) == 4
    assert "'somebody-else'" in caplog.text


def test_a_refused_parameter_is_left_out_of_the_next_file(tmp_path):
    pending(tmp_path)
    refused = Status(400, "Unsupported parameter: 'presence_penalty'", param="presence_penalty")
    run_batch(tmp_path / "batch/requests-001.jsonl", lambda _: refused, tmp_path / "batch/answers")
    assert "left out" in pending(tmp_path)
    bodies = [json.loads(line)["body"] for line in (tmp_path / "batch/requests-002.jsonl").read_text().splitlines()]
    assert len(bodies) == 4 and not any("presence_penalty" in body for body in bodies)
    run_batch(tmp_path / "batch/requests-002.jsonl", written, tmp_path / "batch/answers", "batch_2")
    assert len(start(tmp_path).kept) == 4


def test_a_questions_own_refusal_is_dropped(tmp_path):
    pending(tmp_path)
    given = {"Person 0": Status(400, "too long", "context_length_exceeded"), "Person 1": Status(400, "odd")}

    def vendor(request):
        return given.get(person(request), written(request))

    run_batch(tmp_path / "batch/requests-001.jsonl", vendor, tmp_path / "batch/answers")
    assert "1 requests wait" in pending(tmp_path)  # a refusal without a known reason is asked once more
    run_batch(tmp_path / "batch/requests-002.jsonl", vendor, tmp_path / "batch/answers", "batch_2")
    found = start(tmp_path)
    assert len(found.kept) == 2 and [one.reason for one in found.dropped] == ["too_long", "refused"]


def test_plain_requests_and_batches_share_the_journal(tmp_path):
    with OpenAIServer(default=written) as server:
        writer(server.url, tmp_path).write(CLIENTS[:3], ["no"])
    assert "1 requests wait" in pending(tmp_path)
    assert [name.rsplit(":", 2)[0] for name in ids(tmp_path, "requests-001.jsonl")] == ["cactus-3-no-resistance"]
