"""What every worker does: one thread, warnings that are told once, files that must be there."""

import logging
import os
import threading

import pytest

from mirror.settings.errors import SettingsError
from mirror.workers.worker import ModelWorker, require_files


@pytest.fixture
def worker():
    made = ModelWorker()
    yield made
    logging.getLogger("mirror").removeHandler(made.warnings)


def test_all_work_is_done_in_one_thread_that_is_not_that_of_the_calls(worker):
    threads = {worker.in_thread(threading.get_ident) for _ in range(3)}
    assert len(threads) == 1 and threads != {threading.get_ident()}
    with pytest.raises(ZeroDivisionError):
        worker.in_thread(lambda: 1 // 0)


def test_warnings_are_collected_once(worker):
    logging.getLogger("mirror.faces").warning("%s of %d", "one", 2)
    logging.getLogger("mirror.faces").info("nothing")
    assert worker.warnings.collect() == ("one of 2",) and worker.warnings.collect() == ()


def test_a_worker_says_where_it_is(worker):
    found = worker.loaded({"painter": {}}, "cpu")
    assert (found.facts, found.device, found.pid) == ({"painter": {}}, "cpu", os.getpid()) and found.host


def test_files_that_a_machine_lacks_are_named_with_the_machine():
    require_files([])
    with pytest.raises(SettingsError, match=r".+: no such adapter\n.+: no such pack"):
        require_files(["no such adapter", "no such pack"])
