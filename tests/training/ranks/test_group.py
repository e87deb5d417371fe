"""A group of one rank: what is measured, how it begins and ends. Several ranks are in test_launch and test_fitting."""

import threading

import pytest
import torch
import torch.distributed as dist

from mirror.training.ranks import group as module
from mirror.training.ranks.group import Dismissed, ProcessGroup, second_connection
from mirror.training.ranks.launch import _new_store, _on_loopback
from mirror.training.ranks.watch import RankFailed, Watch


@pytest.fixture
def group():
    """Of a rank and a number of ranks; several on one store."""
    store, groups = _new_store(), []

    def group(rank=0, ranks=1):
        watch = Watch(second_connection(store), rank, ranks)
        watch.start()
        groups.append(ProcessGroup(second_connection(store), rank, ranks, torch.device("cpu"), watch))
        return groups[-1]

    with _on_loopback():
        yield group
    for one in groups:
        if not one.watch._stop.is_set():
            one.close()


def test_exchanges_of_one_rank(group):
    ranks, tensor = group(), torch.tensor([1.0, 2.0])
    ranks.connect()
    ranks.add(tensor)
    ranks.spread([tensor])
    assert tensor.tolist() == [1, 2] and ranks.gather(3, 0.5) == [(3, 0.5)]
    assert ranks.spread_json([1, None]) == [1, None]
    ranks.close()
    assert not dist.is_initialized()


def test_only_the_wait_after_own_work_is_for_slower_ranks(group):
    ranks = group()
    ranks.connect()
    ranks.gather(1)
    assert ranks.waiting == 0
    with ranks.working():
        pass
    ranks.gather(1)
    assert ranks.work > 0 and ranks.waiting > 0
    (waits,) = ranks.waits().ranks
    assert waits.work == ranks.work and waits.elapsed > waits.waiting and waits.device == "cpu"
    ranks.forget_times()
    assert ranks.work == ranks.waiting == 0


def test_ranks_are_dismissed_where_there_is_nothing_to_train(group):
    first, second = group(0, 2), group(1, 2)
    first.close()
    with pytest.raises(Dismissed):
        second.connect()


def test_who_waits_for_a_rank_that_failed_before_it_connected_is_told(group):
    first, second = group(0, 2), group(1, 2)
    second.close(ValueError("no such folder"))
    with pytest.raises(RankFailed, match="rank 1 on .* failed: ValueError: no such folder"):
        first.connect()
    first.close(RankFailed())


def test_a_rank_that_does_not_load_is_given_up(group, monkeypatch):
    monkeypatch.setattr(module, "LOADING", 0.0)
    first, _ = group(0, 2), group(1, 2)
    with pytest.raises(RankFailed, match="rank 1 on .* is stuck: it lives, but others have waited 0 s"):
        first.connect()


def test_an_exchange_that_does_not_end_is_given_up(group):
    first, _ = group(0, 2), group(1, 2)
    first.patience, end = 0.0, threading.Event()
    with pytest.raises(RankFailed, match="rank 1 on .* is stuck"):
        first._call(end.wait)
    end.set()


def test_an_error_of_an_exchange_without_a_failure_of_a_rank_is_raised(group, monkeypatch):
    ranks = group()
    ranks.connect()
    monkeypatch.setattr(ranks.watch, "wait_for_failure", lambda seconds: None)
    with pytest.raises(RuntimeError, match="of the network"):
        ranks._call(_fail)


def _fail():
    raise RuntimeError("of the network")
