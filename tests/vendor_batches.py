"""Stands where a vendor's Batch API would: reads files of requests and writes files of outputs and errors."""

import json

from tests.openai_server import Request, Status, Text, completion


def run_batch(requests, answer, folder, name="batch_1"):
    """Answer a file of requests: `answer` gives a Text, a Status, or None for one that expired.

    Returns:
        The lines written to `<name>_output.jsonl` and `<name>_error.jsonl` in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outputs, errors = [], []
    for number, line in enumerate(requests.read_text().splitlines()):
        asked = json.loads(line)
        assert asked["method"] == "POST" and asked["url"] == "/v1/chat/completions"
        request = Request("POST", asked["url"], {}, asked["body"])
        given = answer(request)
        record = {"id": f"{name}_req_{number}", "custom_id": asked["custom_id"], "response": None, "error": None}
        if isinstance(given, Text):
            body = completion(request, given)
            record["response"] = {"status_code": 200, "request_id": "r", "body": body}
            outputs.append(record)
        elif isinstance(given, Status):
            body = {"error": {"message": given.message, "code": given.code, "param": given.param}}
            record["response"] = {"status_code": given.status, "request_id": "r", "body": body}
            errors.append(record)
        else:
            record["error"] = {"code": "batch_expired", "message": "This request could not be executed in time."}
            errors.append(record)
    for kind, records in (("output", outputs), ("error", errors)):
        if records:
            text = "".join(json.dumps(record) + "\n" for record in records)
            (folder / f"{name}_{kind}.jsonl").write_text(text)
    return outputs, errors
