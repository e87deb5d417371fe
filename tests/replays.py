"""Settings of replays, and conversations to replay, for the tests of `mirror.replay`."""

import json

import yaml

from mirror.paths import input_path
from mirror.replay.settings import ReplaySettings
from tests.openai_server import Text

DEFAULTS = {
    "configuration": "params/counsel/pocket-llava.yaml", "from_run": "", "table": None, "form": "utterances",
    "columns": "", "speakers": "", "pictures": "", "no_image": "blank", "history": "recorded", "face": "shown",
    "faces_from": "", "sessions": 0, "seed": 42, "concurrency": 4, "device": "cpu", "prices": "",
    "budget_dollars": None, "budget_tokens": None, "budget_hours": None, "run": None, "fresh": False, "logging": "none",
}  # fmt: skip


def settings(check_files=True, **changes):
    return ReplaySettings.checked(DEFAULTS | changes, "parameter", check_files)


def endpoint_configuration(folder, url, **changes):
    """A params file of counsel.ipynb whose counselor is behind an endpoint."""
    values = yaml.safe_load(input_path("params/counsel/pocket-llava.yaml").read_text(encoding="utf-8"))
    values |= {"counselor": "openai", "counselor_model": "some-model", "counselor_url": url} | changes
    path = folder / "endpoint.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return str(path)


def echo(request):
    """The server's answer: what was asked, in one line, so that a test reads from a reply what the counselor saw."""
    content = request.body["messages"][-1]["content"]
    pictures = 0 if isinstance(content, str) else sum(part["type"] == "image_url" for part in content)
    return Text(f"{pictures} pictures. " + " / ".join(request.words.split("\n")))


def utterances(folder, rows, name="table.csv"):
    """A table of utterances; each row is (transcript_id, utterance_id, interlocutor, utterance_text, …)."""
    columns = ("transcript_id", "utterance_id", "interlocutor", "utterance_text", "cue", "image")
    path = folder / name
    records = [dict(zip(columns, map(str, row), strict=False)) for row in rows]
    path.with_suffix(".json").write_text(json.dumps(records), encoding="utf-8")
    return path.with_suffix(".json")
