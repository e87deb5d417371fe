"""The command: a fault in its options is one sentence, and a started one serves the page until Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import requests

from mirror.exploration.command import listen, main
from tests import ROOT


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.yaml"], "option configuration: no such file .*nowhere.yaml; name one of params/counsel/"),
        (["--against", "nowhere.yaml"], "option against: no such file"),
        (["--rater", "Ann B."], "option rater must be an id of up to 31 of a-z, 0-9, - and _"),
        (["--seed", "-1"], "option seed must be greater than or equal to 0, found -1"),
        (["--client", "7"], "client: pocket/data/test.csv has no client 7; it has 60"),
    ],
)
def test_a_fault_in_an_option_is_one_sentence(words, message, capsys):
    assert main(words, "mirror explore") == 2
    said = capsys.readouterr().err
    assert re.match(f"mirror explore: {message}", said) and "Traceback" not in said


def test_a_port_that_is_taken_is_told_with_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1:{port} .*give another --port, or 0 for a free"):
            listen(port)
    with pytest.raises(OSError, match="cannot listen at 127.0.0.1:99999"):
        listen(99999)


@pytest.mark.slow
def test_it_serves_the_page_until_ctrl_c():
    command = [sys.executable, "-m", "mirror", "explore", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().split()[0]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
        events = requests.get(f"{address}/events", stream=True, timeout=60)
        assert next(events.iter_lines()) == b"retry: 1000"
        assert "You play the client." in requests.get(address, timeout=60).text
        os.kill(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "Traceback" not in said
