"""What the signs of life in the store tell, at times that are given."""

import pytest
import torch.distributed as dist
from torch.distributed import TCPStore

from mirror.training.ranks import watch as module
from mirror.training.ranks.group import second_connection
from mirror.training.ranks.launch import _new_store
from mirror.training.ranks.watch import LOST, Failure, RankFailed, Watch


@pytest.fixture
def store():
    return _new_store()


@pytest.fixture
def watches(store):
    """Of three ranks; they are not started."""
    watches = [Watch(second_connection(store), rank, 3) for rank in range(3)]
    for rank, watch in enumerate(watches):
        store.set(f"host/{rank}", f"host-{rank}")
        watch.store.set_timeout(module.timedelta(seconds=5))
    return watches


@pytest.fixture
def look(watches):
    """Looks around as a rank at a time in seconds."""
    return lambda rank, now: watches[rank]._look_around(now)


def test_ranks_that_show_signs_of_life_are_well(look):
    for now in range(0, 500, 20):
        assert [look(rank, float(now)) for rank in range(3)] == [None] * 3


def test_rank_0_notices_a_silent_rank_and_everyone_is_told(look):
    assert look(1, 0.0) is look(2, 0.0) is look(0, 0.0) is None
    assert look(1, 30.0) is look(0, 30.0) is None
    assert look(1, LOST) is None and look(0, LOST) is None  # just so
    found = look(0, LOST + 1)
    assert str(found) == "rank 2 on host-2 died or cannot be reached: no sign of life for 30 s"
    assert look(1, LOST + 1) == look(2, LOST + 1) == found


def test_the_others_notice_a_silent_rank_0(look):
    assert look(0, 0.0) is look(1, 0.0) is None
    assert look(1, LOST + 1).rank == 0


def test_a_rank_that_has_not_begun_is_not_missed(look):
    assert look(0, 0.0) is look(0, 10 * LOST) is None


def test_a_rank_that_is_suspended_right_after_its_start_is_missed(look, store, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 1e6)
    begun = Watch(second_connection(store), 1, 3)
    begun.start()
    assert look(2, 0.0) is look(0, 0.0) is None and look(0, LOST + 1).rank == 1
    begun.stop()


def test_a_rank_that_is_done_is_not_missed(look, store):
    done = Watch(second_connection(store), 1, 3)
    done.start()
    done.stop()
    assert look(0, 0.0) is look(0, 10 * LOST) is None


def test_a_rank_that_lives_and_does_not_come_is_named_to_everyone(look, watches):
    for watch, exchanges in zip(watches, (7, 7, 6), strict=True):
        watch.exchanges = exchanges
    assert look(0, 0.0) is look(1, 0.0) is look(2, 0.0) is None
    with pytest.raises(RankFailed, match="rank 2 on host-2 is stuck: it lives, but others have waited 600 s for it"):
        watches[0].give_up(600.0)
    assert look(1, 1.0).rank == look(2, 1.0).rank == 2
    with pytest.raises(RankFailed, match="rank 2 on host-2 is stuck"):  # the first who gave up is right
        watches[1].give_up(900.0)


def test_ranks_that_all_wait_in_the_same_exchange_blame_the_network(look, watches):
    for watch in watches:
        watch.exchanges = 3
    assert look(1, 0.0) is look(2, 0.0) is None
    with pytest.raises(RankFailed, match="rank 1 on host-1 and all others have waited 600 s in the same exchange"):
        watches[0].give_up(600.0)


def test_a_rank_that_has_said_nothing_is_behind(watches):
    watches[0].exchanges = 1
    with pytest.raises(RankFailed, match="rank 1 on host-1 is stuck"):
        watches[0].give_up(600.0)


def test_a_store_that_is_gone_is_a_failure_of_rank_0():
    store = _new_store()
    watch = Watch(TCPStore("127.0.0.1", store.port), 1, 2)
    del store
    assert watch._look_around(0.0).rank == 0


def test_the_first_error_is_told_with_the_end_of_its_traceback(look, store):
    first, second, consequence = (Watch(second_connection(store), rank, 3) for rank in (2, 1, 0))
    for watch in (first, second, consequence):
        watch.start()
    consequence.tell(RankFailed("of another"))
    first.tell(_raised(ValueError("no such folder")))
    second.tell(_raised(ValueError("later")))
    failure = look(0, 0.0)
    assert failure.rank == 2 and failure.text.startswith("failed: ValueError: no such folder\nTraceback")
    assert failure.text.endswith("ValueError: no such folder") and "in _raised" in failure.text


def _raised(error):
    try:
        raise error
    except ValueError as raised:
        return raised


def test_a_failure_is_raised_where_one_waits_and_handed_on(store, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.001)
    handed = []
    watch = Watch(second_connection(store), 0, 2, lambda: Failure(1, "b", "died"), handed.append)
    watch.check()
    watch.start()
    with pytest.raises(RankFailed, match="rank 1 on b died\nThe training ended; it resumes from its last checkpoint."):
        watch.wait_for_failure(1e6)
    watch._thread.join()
    assert handed == [Failure(1, "b", "died")] and not dist.is_initialized()
