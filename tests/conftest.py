"""What more than one test file needs."""

import gc
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

from mirror.garbage import search_seldom
from mirror.services.http_client import HttpClient
from tests import DATA

search_seldom()

# Checks IRIs in JSON schemas, of which no test has one; nbformat would import it, which takes two seconds.
sys.modules.setdefault("rfc3987_syntax", None)

# A shell makes the processes in its background ignore Ctrl-C, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast examples are made says how busy the machine is, not whether a program is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--moments", type=int, default=2, help="how many moments each test of kills and budgets tries")


@pytest.fixture
def moments(request):
    """How many random moments a test tries."""
    return request.config.getoption("--moments")


def pytest_collection_finish():
    """What the modules hold lives as long as the process: a search for garbage need not go through it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What is seen in a browser is slow; modules with slow tests come first.

    So no worker is kept busy by one of them while the others have ended.
    """
    for item in items:
        if {"browser", "tab"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def llava():
    """The real classes at pocket size: 16 image tokens, images of 56 pixels, a tokenizer that falls back to bytes."""
    from mirror.models.llava import load  # imports torch and transformers, which most test files do without

    return load(DATA / "llava-tiny/llava-v1.5-tiny")


@pytest.fixture(scope="session")
def tab(tmp_path_factory):
    """A tab of one browser for all tests that need no profile of their own."""
    from tests.browser import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("no chromium here; Debian and Ubuntu: apt-get install chromium")
    with chromium(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture
def page(tab):
    """The tab at the width of a desk, with no complaint yet."""
    tab.resize(1280, 900)
    tab.events.clear()
    return tab


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch):
    """Closes the HTTP clients that a test makes; in a run they live as long as the process."""
    made, real = [], HttpClient.__init__

    def make(self, *given, **named):
        real(self, *given, **named)
        made.append(self)

    monkeypatch.setattr(HttpClient, "__init__", make)
    yield
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def cluster():
    """Ray on this machine, which pretends to have two GPUs; its start takes seconds, so all tests share it."""
    from mirror.workers.cluster import Cluster  # imports Ray

    with Cluster(gpus=2) as found:
        yield found


@pytest.fixture
def output(tmp_path, monkeypatch):
    """The folder that results go to."""
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path / "output"))
    return tmp_path / "output"


HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from mirror.files.lock import locked\n"
    "with locked(Path(sys.argv[1]), 'counseling'):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def another_process():
    """Another process that holds a folder's lock within a `with` block, or until it is killed there."""
    return _hold


@contextmanager
def _hold(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
