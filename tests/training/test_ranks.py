"""A single process: exchanges give back what they were given."""

import torch

from mirror.training.ranks import ALONE


def test_one_process_exchanges_nothing():
    tensor = torch.ones(2)
    ALONE.connect()
    ALONE.add(tensor)
    ALONE.spread([tensor])
    with ALONE.working():
        assert ALONE.gather(1.5, 2) == [(1.5, 2)] and ALONE.spread_json({"a": 1}) == {"a": 1}
    ALONE.forget_times()
    assert tensor.tolist() == [1, 1] and ALONE.is_first and ALONE.count == 1 and ALONE.waits() is None
