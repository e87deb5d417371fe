"""Settings of a service: from options before the environment before defaults; each fault names both ways to set it."""

import os

import pytest

from api.description.app import DescriptionSettings
from api.verification.app import VerificationSettings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("DESCRIPTION_", "VERIFICATION_")):
            monkeypatch.delenv(name)


def read(*words, kind=DescriptionSettings):
    return kind.from_command_line("service", words)


def refusal(capsys, *words, kind=DescriptionSettings):
    with pytest.raises(SystemExit) as ended:
        read(*words, kind=kind)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_an_option_comes_before_the_environment_and_that_before_the_default(monkeypatch):
    assert (read().port, read().queue) == (8002, 64)
    monkeypatch.setenv("DESCRIPTION_QUEUE", "9")
    monkeypatch.setenv("VERIFICATION_QUEUE", "7")
    assert read().queue == 9 and read("--queue", "8").queue == 8
    assert read("--max-wait-ms", "0.5", "--describer", "local").max_wait_ms == 0.5


def test_a_number_may_be_none_where_none_has_a_meaning():
    assert read("--relevance-threshold", "none", kind=VerificationSettings).relevance_threshold is None
    assert read("--relevance-threshold", "0.3", kind=VerificationSettings).relevance_threshold == 0.3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--queue", "0"], "--queue (or DESCRIPTION_QUEUE) must be greater than or equal to 1, found '0'"),
        (["--max-batch", "x"], "--max-batch (or DESCRIPTION_MAX_BATCH) must be a valid integer"),
        (["--device", "gpu"], "--device (or DESCRIPTION_DEVICE) must be auto, cpu, cuda or cuda:<number>, found 'gpu'"),
        (["--describer", "x"], "--describer (or DESCRIPTION_DESCRIBER) must be 'lexicon', 'openai' or 'local', found"),
        (["--upload-seconds", "inf"], "--upload-seconds (or DESCRIPTION_UPLOAD_SECONDS) must be a finite number"),
        (
            ["--bytes-at-once", "9", "--max-body-bytes", "10"],
            "bytes_at_once must hold a body of max_body_bytes, 10, found 9",
        ),
    ],
)
def test_a_fault_is_one_sentence_with_both_names(words, message, capsys):
    (line,) = refusal(capsys, *words)
    assert line.startswith(f"service: {message}")


def test_all_faults_are_told_at_once(capsys, monkeypatch):
    monkeypatch.setenv("DESCRIPTION_PORT", "-1")
    assert [line.split(" ")[1] for line in refusal(capsys, "--queue", "0", "--top-p", "2")] == [
        "--port",
        "--queue",
        "--top-p",
    ]


def test_an_unknown_option_is_refused(capsys):
    assert "--nonsense" in "".join(refusal(capsys, "--nonsense", "1"))


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        read().queue = 3
