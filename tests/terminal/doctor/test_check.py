"""The result of a check."""

from mirror.terminal.doctor.check import Check, gigabytes


def test_what_needs_mending_is_not_met():
    assert Check("disk", "1 GB").is_met
    assert not Check("disk", "1 GB", "2 GB", "free some").is_met


def test_sizes_are_in_gigabytes():
    assert gigabytes(25_340_000_000) == "25.3 GB"
