"""The shares of time, counted by hand."""

from mirror.training.ranks.waits import RankTime, Waits

WAITS = Waits((RankTime(0, "a", "H100", 100.0, 80.0, 10.0, 2.0), RankTime(1, "b", "H100", 100.0, 88.0, 2.0, 2.0)))


def test_shares_and_the_slowest_rank():
    assert WAITS.waiting == 12 / 200 and WAITS.adding == 4 / 200 and WAITS.slowest.host == "b"
    assert str(WAITS) == (
        "2 ranks: 6.0% of their time waiting for slower ranks, 2.0% adding gradients; slowest: rank 1 on b, "
        "5% above the mean"
    )


def test_the_record_has_every_rank():
    facts = WAITS.facts()
    assert (facts["count"], facts["waiting_share"], facts["adding_share"], facts["slowest"]) == (2, 0.06, 0.02, 1)
    assert facts["ranks"][1] == {
        "rank": 1,
        "host": "b",
        "device": "H100",
        "elapsed": 100.0,
        "work": 88.0,
        "waiting": 2.0,
        "adding": 2.0,
    }


def test_no_time_is_no_share():
    none = Waits((RankTime(0, "a", "cpu", 0.0, 0.0, 0.0, 0.0),) * 2)
    assert none.waiting == none.adding == 0 and "slowest: rank 0 on a" in str(none)
