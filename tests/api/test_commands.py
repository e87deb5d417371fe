"""`python -m api.verification` and `python -m api.description`: they start offline, and say why when they do not."""

import signal
import socket
import subprocess
import sys

import pytest

from api.description.app import DescriptionSettings
from api.serving import start
from api.verification import __main__ as verification
from api.verification.app import VerificationSettings
from mirror.faces.verification import png
from mirror.services.service import Service
from mirror.transcripts.verdict import Verdict
from pocket.pictures.portraits import identity_of
from pocket.pictures.snapshots import take_snapshot
from tests.servers import service_environment, started_service


def run(service, *words, **variables):
    command = [sys.executable, "-m", f"api.{service}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=service_environment(**variables))


@pytest.mark.slow
@pytest.mark.parametrize("service, path", [("verification", "/verify"), ("description", "/describe")])
def test_it_starts_offline_in_any_folder_answers_and_stops_when_told(service, path, tmp_path):
    with started_service(service, tmp_path, MIRROR_SERVICE_TOKEN="swordfish") as (process, url):
        client = Service(url, path, token="swordfish", retries=0)
        assert client.health()["name"] == service
        if service == "verification":
            one, other, stranger = (
                png(take_snapshot(identity_of("clients of the service", 1, person), expression, 0).convert("RGB"))
                for person, expression in ((0, "calm"), (0, "tearful"), (1, "irritated"))
            )
            for face, seen, accepted in ((other, "tearful", True), (stranger, "annoyed", False)):
                files = {"image": ("a.png", face, "image/png"), "base_image": ("b.png", one, "image/png")}
                verdict = client.read(Verdict, client.post({"statement": f"a facial photo with {seen} look"}, files))
                assert verdict.accepted is accepted and len(verdict.checks) == 3
        else:
            answer = client.post({"history": "", "client_utt": "[smiles] Hello."})
            assert answer["model"] == "lexicon" and answer["expression"] and answer["contrast"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log and "swordfish" not in log


@pytest.mark.parametrize("service", ["verification", "description"])
def test_help_lists_options_with_their_variables_and_no_secret(service):
    done = run(service, "--help", MIRROR_SERVICE_TOKEN="swordfish", OPENAI_API_KEY="swordfish")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for name in ("--host", "--port", "--device", "--max-body-bytes", "--request-seconds"):
        assert name in text and f"{service.upper()}{name[1:].replace('-', '_').upper()}" in text
    assert "MIRROR_SERVICE_TOKEN" in text and "swordfish" not in text and "--token" not in text


@pytest.mark.parametrize(
    "words, variables, message",
    [
        (["--port", "99999"], {}, "--port (or DESCRIPTION_PORT) must be less than or equal to 65535, found '99999'"),
        ([], {"DESCRIPTION_MAX_BATCH": "many"}, "--max-batch (or DESCRIPTION_MAX_BATCH) must be a valid integer"),
        (["--nonsense"], {}, "unrecognized arguments: --nonsense"),
        ([], {"MIRROR_SERVICE_TOKEN": "sword fish"}, "MIRROR_SERVICE_TOKEN must be one word of ASCII characters"),
    ],
    ids=["option", "variable", "unknown option", "token"],
)
def test_bad_options_are_one_sentence_and_status_2(words, variables, message, monkeypatch, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["description", *words])
    program = "python -m api.description"
    assert status(lambda: start(program, DescriptionSettings, never, never)) == 2
    said = capsys.readouterr().err
    assert message in said and "sword" not in said


def test_a_model_that_cannot_be_loaded_is_one_sentence_and_status_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["verification", "--port", "0", "--safety-model", str(tmp_path / "nothing")])
    program = "python -m api.verification"
    assert status(lambda: start(program, VerificationSettings, verification.load, never)) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"{program}: ") and str(tmp_path / "nothing") in said


def status(command):
    """What the process would end with."""
    try:
        return command()
    except SystemExit as ended:
        return ended.code


def never(*given):
    raise AssertionError("nothing may be loaded")


def test_a_port_that_is_taken_is_one_sentence_and_status_1():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = run("description", "--port", port)
    assert done.returncode == 1 and f"cannot listen at 127.0.0.1, port {port}" in done.stderr
    assert "Traceback" not in done.stderr
