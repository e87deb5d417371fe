"""The files of a vendor's Batch API: within its limits, and read back whatever came, in whatever order."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.chat.batch_files import BatchRequest, read_answers, request_files, requested, write_requests
from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.messages import Completion, Message
from tests.openai_server import OpenAIServer, Status, Text
from tests.vendor_batches import run_batch


def requests(number, first=0, words="Hello"):
    return [BatchRequest(f"r-{place}", {"model": "m", "messages": [words]}) for place in range(first, first + number)]


def written(folder):
    return [json.loads(line) for path in request_files(folder) for line in path.read_text().splitlines()]


def answer(custom_id, text="Yes.", **more):
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return {"id": "b", "custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None} | more


def put(path, *records, end="\n"):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in records) + end)


def test_a_request_has_the_vendors_form(tmp_path):
    (path,) = write_requests(tmp_path, requests(1))
    body = {"model": "m", "messages": ["Hello"]}
    assert path.name == "requests-001.jsonl"
    assert written(tmp_path) == [{"custom_id": "r-0", "method": "POST", "url": "/v1/chat/completions", "body": body}]


def test_files_keep_to_the_limits_and_earlier_ones_stay(tmp_path):
    line = len(requests(1)[0].line)
    assert [path.name for path in write_requests(tmp_path, requests(5), most_requests=2)] == [
        "requests-001.jsonl",
        "requests-002.jsonl",
        "requests-003.jsonl",
    ]
    paths = write_requests(tmp_path, requests(5, first=5), most_bytes=3 * line)
    assert [path.name for path in paths] == ["requests-004.jsonl", "requests-005.jsonl"]
    assert paths[0].stat().st_size == 3 * line
    assert [one["custom_id"] for one in written(tmp_path)] == [f"r-{place}" for place in range(10)]
    assert [len(requested(path)) for path in request_files(tmp_path)] == [2, 2, 1, 3, 2]


def test_what_no_batch_can_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'r-0' has .* bytes"):
        write_requests(tmp_path, requests(1, words="long " * 100), most_bytes=100)
    with pytest.raises(ValueError, match="'r-0'"):
        write_requests(tmp_path, [*requests(2), *requests(1)])
    assert write_requests(tmp_path, []) == [] == request_files(tmp_path)


def test_the_body_is_that_of_a_plain_request(tmp_path):
    with OpenAIServer() as server:
        endpoint = ChatEndpoint("m", server.url, "key", max_tokens=9, presence_penalty=0.2, retries=0)
        messages = [Message("system", "Be short."), Message("user", "Grüße 😊\u2028")]
        write_requests(tmp_path, [BatchRequest("one", endpoint.body(messages, 2**62))])
        endpoint.complete([messages], [2**62])
        assert written(tmp_path)[0]["body"] == server.requests[0].body


def test_a_batch_is_read_as_plain_answers_are(tmp_path):
    endpoint = ChatEndpoint("m", "http://127.0.0.1:9/v1", "key")
    bodies = [endpoint.body([Message("user", f"Hello {n}")], n) for n in range(4)]
    (path,) = write_requests(tmp_path, [BatchRequest(str(n), body) for n, body in enumerate(bodies)])
    given = iter([Text("<think>x</think>Yes."), Status(400, "too long", "context_length_exceeded"), None, Text("")])
    run_batch(path, lambda _: next(given), tmp_path / "answers")
    found = {name: of[0] for name, of in read_answers(tmp_path / "answers").answers.items()}
    read = [endpoint.read(bodies[n], found[str(n)].status, found[str(n)].body) for n in (0, 1, 3)]
    assert isinstance(read[0], Completion) and read[0].text == "Yes." and read[0].model == "m-2026"
    assert read[1].conversation_fault == "too long" and read[2].status == 200
    assert found["2"].status is None and "batch_expired" in found["2"].error


def test_a_refused_parameter_is_left_out_of_later_bodies():
    endpoint = ChatEndpoint("m", "http://127.0.0.1:9/v1", "key", temperature=0.7)
    body = endpoint.body([Message("user", "Hello")], 1)
    error = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    assert endpoint.read(body, 400, json.dumps(error)) is None
    assert endpoint.read(body, 400, json.dumps(error)) is None  # the second line of the same batch
    assert "temperature" in body and "temperature" not in endpoint.body([Message("user", "Hello")], 1)


def test_answers_do_not_depend_on_files_lines_or_copies(tmp_path):
    records = [answer(f"r-{place}", f"Text {place}") for place in range(20)]
    records += [answer("r-3", "Another text"), answer("r-4", response=None, error={"code": "batch_expired"})]
    put(tmp_path / "one/a.jsonl", *records)
    random.Random(1).shuffle(records)
    put(tmp_path / "two/z.jsonl", *records[:7], end="")
    put(tmp_path / "two/b.jsonl", "", *records[3:], "  ")
    one, two = read_answers(tmp_path / "one"), read_answers(tmp_path / "two")
    assert list(one.answers.items()) == list(two.answers.items()) and not one.faults and not two.faults
    assert {name for name, of in one.answers.items() if len(of) == 2} == {"r-3", "r-4"}


FAULTS = {
    "torn": ('{"id": "b", "custom_id"', "not JSON, and the file ends within it"),
    "no object": ("[1]", "no answer of a batch"),
    "no custom_id": ('{"response": {"status_code": 200}}', "custom_id"),
    "status in words": ('{"custom_id": "a", "response": {"status_code": "ok"}}', "status_code"),
    "neither": ('{"custom_id": "a", "response": null, "error": null}', "neither response nor error"),
    "request": (requests(1)[0].line.decode().strip(), "is a request"),
    "deep": ("[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("line, message", FAULTS.values(), ids=FAULTS)
def test_a_line_that_is_no_answer_is_named_and_the_others_are_read(line, message, tmp_path):
    put(tmp_path / "a.jsonl", answer("r-0"), line, end="")
    found = read_answers(tmp_path)
    assert list(found.answers) == ["r-0"]
    (fault,) = found.faults
    assert "a.jsonl: line 2" in fault and message in fault


def test_marks_line_ends_and_halves_of_characters_are_read(tmp_path):
    lines = [json.dumps(answer("r-0", "half \ud83d")), json.dumps(answer("r-1"))]
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    found = read_answers(tmp_path)
    assert list(found.answers) == ["r-0", "r-1"] and not found.faults
    assert "half \ufffd" in found.answers["r-0"][0].body


def test_no_folder_is_no_answer(tmp_path):
    assert not read_answers(tmp_path / "none").answers


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_named(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.jsonl").write_bytes(content)
    found = read_answers(folder)
    assert len(found.faults) + sum(map(len, found.answers.values())) <= content.count(b"\n") + 1


@pytest.mark.parametrize("line", ['{"custom_id": "a", "body": ' + "[" * 100_000, "[]", "7", '{"custom_id": NaN}', "{}"])
def test_a_line_that_is_no_request_is_named(tmp_path, line):
    path = tmp_path / "requests-001.jsonl"
    path.write_text('{"custom_id": "a"}\n' + line, encoding="utf-8")
    with pytest.raises(ValueError, match="requests-001.jsonl: line 2: is no request of a batch; remove the file"):
        requested(path)
