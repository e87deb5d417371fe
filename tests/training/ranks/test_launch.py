"""Followers as real processes: exchanges, failures, deaths and interrupts, and that nothing is left running."""

import os
import signal
import subprocess
import sys

import pytest
import torch.distributed as dist

from mirror.training.ranks import ALONE
from mirror.training.ranks.launch import Followers, start_ranks
from mirror.training.ranks.watch import RankFailed
from tests import ROOT
from tests.processes import is_running, wait_for_end
from tests.small_ranks import take

MODULE = "tests.small_ranks"


@pytest.fixture
def followers(monkeypatch):
    """The processes that are started in a test."""
    started, start = [], Followers.__init__

    def begin(self, *given):
        start(self, *given)
        started.extend(process.pid for process in self.processes)

    monkeypatch.setattr(Followers, "__init__", begin)
    return started


def test_one_rank_starts_nothing(followers):
    with start_ranks(1, "cpu", "no.such.module", None) as ranks:
        assert ranks is ALONE and not followers


@pytest.mark.slow
def test_ranks_exchange_and_the_error_of_a_follower_is_raised_here(followers):
    error = r"rank 1 on .* failed: ValueError: step 1 is faulty\n(?s:.*)in exchange\n"
    with pytest.raises(RankFailed, match=error), start_ranks(2, "cpu", MODULE, {"fails": 1}) as ranks:
        ranks.connect()
        rows, summed, spread, value = take(ranks, 0)
        assert rows == [(0, 0), (1, 0)] and summed == [2] * 3 and spread == 7
        assert value == {"rank": 0, "best": float("inf")}
        take(ranks, 1)
    assert len(followers) == 1 and not any(map(is_running, followers)) and not dist.is_initialized()


@pytest.mark.slow
def test_a_follower_that_dies_is_named_by_those_who_wait_for_it(followers):
    error = r"rank 1 on .* died: its process \d+ ended by SIGKILL \(out of"
    with pytest.raises(RankFailed, match=error), start_ranks(2, "cpu", MODULE, {"hangs": 1}) as ranks:
        ranks.connect()
        os.kill(followers[0], signal.SIGKILL)
        take(ranks, 0)
    assert not any(map(is_running, followers)) and not dist.is_initialized()


@pytest.mark.slow
def test_a_follower_that_lives_and_does_not_come_on_is_named(followers):
    with pytest.raises(RankFailed, match="rank 1 on .* is stuck: it lives, but others have waited 0 s for it"):
        with start_ranks(2, "cpu", MODULE, {"hangs": 1}) as ranks:
            ranks.connect()
            ranks.patience = 0.0
            os.kill(followers[0], signal.SIGSTOP)  # its connections stay open, and must not keep the others
            take(ranks, 0)
    assert not any(map(is_running, followers)) and not dist.is_initialized()


def test_a_follower_that_cannot_start_says_why(followers):
    with pytest.raises(RankFailed, match="exit status 1\n(?s:.*)No module named tests.no_such_module"):
        with start_ranks(2, "cpu", "tests.no_such_module", None) as ranks:
            ranks.connect()


@pytest.mark.slow
def test_an_interrupt_ends_the_followers_even_while_one_is_waited_for(followers, monkeypatch):
    """Ctrl-C arrives while an exchange is under way that will never end."""
    with pytest.raises(KeyboardInterrupt):
        with start_ranks(2, "cpu", MODULE, {"hangs": 1}) as ranks:
            ranks.connect()
            monkeypatch.setattr(ranks.watch, "check", lambda: signal.raise_signal(signal.SIGINT))
            take(ranks, 0)
    assert not any(map(is_running, followers)) and not dist.is_initialized()


RANK_0 = """
from mirror.training.ranks.launch import Followers, start_ranks
from tests.small_ranks import exchange
start = Followers.__init__
def begin(self, *given):
    start(self, *given)
    print(*(process.pid for process in self.processes), flush=True)
Followers.__init__ = begin
with start_ranks(2, "cpu", "tests.small_ranks", {}) as ranks:
    exchange(ranks, "cpu", {})
"""


@pytest.mark.slow
def test_no_follower_is_left_when_rank_0_is_killed():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", RANK_0], env=environment, stdout=subprocess.PIPE, text=True) as rank_0:
        followers = [int(word) for word in rank_0.stdout.readline().split()]
        assert followers and all(map(is_running, followers))
        rank_0.kill()
    wait_for_end(followers, float("inf"))
