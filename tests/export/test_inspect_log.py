"""Logs of Inspect: found and read by Inspect itself where it is installed, the same bytes again, pictures inside."""

import json
import re

import pytest

from mirror.export.inspect_log import write_logs
from tests.rated_exports import rated_run
from tests.rated_runs import write_run

# How Inspect recognizes a log by its name.
NAME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}[:-]\d{2}[:-]\d{2}.*_llava_[0-9a-f]{22}\.json$")


def test_a_session_is_a_sample_with_pictures_and_scores(output):
    (path,) = write_logs(rated_run(output))
    log = json.loads(path.read_text())
    assert NAME.match(path.name) and log["status"] == "success" and log["eval"]["model"] == "MIRROR 7b, ec_planning"
    first, second = log["samples"]
    assert (first["id"], second["id"], second["scores"]) == ("60", "61", {})
    image, text = first["messages"][2]["content"]
    assert image["image"].startswith("data:image/webp;base64,") and text["text"] == "Client 60 says 2: I am sad."
    assert first["output"]["choices"][0]["message"]["content"] == "I hear that you are sad. (60, 2)"
    names = ["ctrs by gpt-4o", "ctrs by gpt-4o #2", "resistance by human anna", "helpfulness by rules"]
    assert list(first["scores"]) == names
    means = {(score["scorer"], score["name"]): score["metrics"]["mean"]["value"] for score in log["results"]["scores"]}
    assert means["resistance by human anna", "overall"] == 3


def test_the_same_run_gives_the_same_bytes(output):
    folder = rated_run(output)
    (path,) = write_logs(folder)
    before = path.read_bytes()
    assert write_logs(folder) == [path] and path.read_bytes() == before


def test_a_large_run_is_several_logs(output):
    paths = write_logs(write_run(output, "llava", clients=("1", "2", "3")), most=2)
    found = [[sample["id"] for sample in json.loads(path.read_text())["samples"]] for path in paths]
    assert found == [["1", "2"], ["3"]] and len({path.name for path in paths}) == 2


def test_a_failed_session_is_an_error_and_the_log_not_a_success(output):
    (path,) = write_logs(write_run(output, "llava", status="failed"))
    log = json.loads(path.read_text())
    assert log["status"] == "cancelled" and log["results"]["completed_samples"] == 1
    assert log["samples"][1]["error"]["message"] == "as the test asked" and "error" not in log["samples"][0]


def test_without_pictures_only_words_are_left(output):
    (path,) = write_logs(rated_run(output), side=0)
    contents = [message["content"] for message in json.loads(path.read_text())["samples"][0]["messages"]]
    assert contents[:3:2] == ["(face)", "Client 60 says 2: I am sad."]


def test_inspect_finds_and_reads_the_log(output, tmp_path):
    """With the package `inspect-ai`, where it is installed."""
    log_module = pytest.importorskip("inspect_ai.log", reason="inspect-ai is not installed")
    (path,) = write_logs(rated_run(output))
    (found,) = log_module.list_eval_logs(str(path.parent))
    assert found.name.endswith(path.name) and found.task == "llava"
    log = log_module.read_eval_log(str(path))
    assert log.samples[0].messages[2].content[0].type == "image"
    assert log.samples[0].scores["ctrs by gpt-4o"].value["focus"] == 3
