"""A run of two workers in processes of their own, one of which is killed; more: `python -m tests.killed_workers`."""

import os
import threading

import pytest

from mirror.run_folder import read_provenance
from tests.killed_workers import Vendor, at_work
from tests.loopback_counseling import loopback_run, session_files
from tests.openai_server import OpenAIServer

SMALL = {"sessions": 3, "max_turns": 2, "concurrency": 1}
KILLED_AT = 4  # requests


class KillingVendor(Vendor):
    """Kills a worker while it waits for an answer."""

    def __init__(self, sessions):
        super().__init__(sessions)
        self.killed, self.killing = None, threading.Lock()

    def __call__(self, request):
        with self.killing:
            if self.requests >= KILLED_AT and self.killed is None and (found := at_work(os.getpid())):
                self.killed = found[0]
                self.killed.kill()
        return super().__call__(request)


@pytest.mark.slow
@pytest.mark.proof
def test_a_run_whose_worker_is_killed_ends_with_the_files_of_one_worker(cluster, output, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    whole, broken = Vendor(output / "results/whole/sessions"), KillingVendor(output / "results/broken/sessions")
    with OpenAIServer(default=whole) as server:
        one = loopback_run(server, run="whole", **SMALL)
        table = one.counsel()
        server.default = broken
        two = loopback_run(server, run="broken", workers=2, **SMALL)
        assert two.counsel().equals(table)
    assert session_files(two) == session_files(one)
    assert broken.killed is not None and not broken.paid_twice
    assert whole.requests <= broken.requests <= whole.requests + 2  # a worker has one session, and asks twice a turn
    assert two.summary().iloc[:8].equals(one.summary().iloc[:8])
    first, second = (read_provenance(counsel.run.folder) for counsel in (one, two))
    assert first["cast"] == second["cast"] and first["clients"] == second["clients"]
    assert first["status"] == second["status"] == "complete"
