"""The benchmark of the verification service: many at once form batches and hear what one at a time hears."""

import pytest

from api.benchmark import BenchmarkSettings, Round, measure, table
from tests.servers import ScriptedVerifier

SETTINGS = BenchmarkSettings(clients=8, requests=16, max_batch=4, max_wait_ms=20)


@pytest.mark.slow
def test_it_measures_batches_of_many_beside_single_requests():
    rounds = measure(ScriptedVerifier(), SETTINGS)
    assert [one.clients for one in rounds] == [1, 8, 1, 8, 1, 8]
    assert all(len(one.waits) == 16 and sum(one.waits) <= one.seconds * one.clients for one in rounds)
    assert all(one.mean_batch == 1 for one in rounds[::2]) and all(1 < one.mean_batch <= 4 for one in rounds[1::2])
    head, rule, single, many = table(rounds).splitlines()
    assert single.startswith("| 1 | ") and " | 1.00 | 1.0 | " in single and many.startswith("| 8 | ")


@pytest.mark.slow
def test_verdicts_that_depend_on_the_batch_are_no_measurement():
    class Unsteady(ScriptedVerifier):
        def verify(self, requests):
            verdicts = super().verify(requests)
            return [v.model_copy(update={"outcome": "unsafe"}) for v in verdicts] if len(requests) > 1 else verdicts

    with pytest.raises(RuntimeError, match="depend on the rest of its batch"):
        measure(Unsteady(), SETTINGS)


def test_the_table_shows_medians_over_the_rounds_of_each_number_of_clients():
    """Ten requests in 2, 1 and 4 seconds are 5, 10 and 2.5 a second."""
    single = [Round(1, seconds, [seconds / 10] * 10, 1.0, []) for seconds in (2.0, 1.0, 4.0)]
    many = [Round(8, 0.5, [0.25] * 9 + [0.5], 3.5, [])]
    assert table(many + single).splitlines()[2:] == [
        "| 1 | 5.0 | 1.00 | 1.0 | 200 | 400 |",
        "| 8 | 20.0 | 4.00 | 3.5 | 250 | 500 |",
    ]
