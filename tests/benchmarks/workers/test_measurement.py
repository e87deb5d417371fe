"""The table of a benchmark of workers; a run at pocket size: `python -m mirror.benchmarks.workers --size pocket`."""

from mirror.benchmarks.workers.measurement import Row, clients, table

ONE = Row(1, {"H100": 1}, 4, 12, 10.0, 60.0, "same")
TWO = Row(2, {"H100": 2}, 8, 24, 12.5, 61.0, "other")


def test_ratios_are_to_the_first_row_that_was_measured():
    broken = Row(4, {}, fault="workers is 4, and there are 2 GPUs")
    head, _, *rows = table([broken, ONE, TWO]).splitlines()
    assert head.startswith("| workers | on | measured | turns an hour (ratio) | of a perfect ratio | start |")
    assert rows == [
        "| 4 | – | workers is 4, and there are 2 GPUs | – | – | – | – |",
        "| 1 | 1 × H100 | 4 sessions, 12 turns, 10.0 s | 4320 (1.00) | 100% | 60 s | yes |",
        "| 2 | 2 × H100 | 8 sessions, 24 turns, 12.5 s | 6912 (1.60) | 80% | 61 s | no |",
    ]


def test_clients_are_repeated_under_names_of_their_own():
    names = [profile.idx for profile in clients(40)]
    assert len({*names}) == 40 and names[:2] == [profile.idx for profile in clients(2)]
    assert len({profile.portraits for profile in clients(40)}) < 40
