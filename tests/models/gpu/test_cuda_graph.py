"""Recorded calls: what is copied, what stays where it lies, and what a warm-up must not change.

Without a GPU, a stand-in for the capture replays by calling again, into the tensors of the recorded output.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from mirror.models.gpu import cuda_graph
from mirror.models.gpu.cuda_graph import WARM_UP, Replayed, keeps_address, recorded

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class Again:
    """Replays by calling again."""

    def __init__(self, call, output):
        self.call, self.output = call, output

    def replay(self):
        for place, value in zip(self.output, self.call(), strict=True):
            place.copy_(value)


@pytest.fixture
def captures(monkeypatch):
    """Captures without a GPU; a list of them."""
    made = []

    def capture(call, pool, device, undo=lambda: None):
        for _ in range(WARM_UP):
            output = call()
            undo()
        made.append(Again(call, [torch.full_like(part, -1) for part in output]))  # a capture computes nothing
        return made[-1], made[-1].output

    monkeypatch.setattr(cuda_graph, "capture", capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    return made


def marked(values):
    """A tensor that stays where it is, as a static cache's."""
    tensor = torch.tensor(values)
    torch._dynamo.mark_static_address(tensor)
    return tensor


def step(weight, cache, counter, token):
    """One step of a decoder: writes the token's value at the counter's place, counts, and sums the cache."""
    cache.index_copy_(0, counter.reshape(1), (weight * token).reshape(1))
    counter.add_(1)
    return [cache.sum().clone()]


def test_parameters_and_marked_tensors_keep_their_address():
    assert keeps_address(nn.Parameter(torch.ones(2)))
    assert keeps_address(marked([1.0]))
    assert not keeps_address(torch.ones(2))


def test_a_step_counts_once_a_call_and_reads_the_new_token(captures):
    replayed = Replayed(step)
    weight, cache, counter = nn.Parameter(torch.tensor(2.0)), marked([0.0] * 8), marked(0)
    sums = [replayed(weight, cache, counter, torch.tensor(float(token)))[0].item() for token in (1, 10, 100)]
    assert sums == [2, 22, 222]
    assert (counter.item(), cache.tolist()) == (3, [2, 20, 200, 0, 0, 0, 0, 0])
    assert len(captures) == 1


def test_an_output_is_not_overwritten_by_the_next_call(captures):
    replayed = Replayed(lambda token: [token * 2])
    first = replayed(torch.tensor([1.0]))
    replayed(torch.tensor([5.0]))
    assert first[0].item() == 2


def test_another_cache_gets_a_recording_of_its_own(captures):
    replayed, weight = Replayed(step), nn.Parameter(torch.tensor(1.0))
    one, other = (marked([0.0] * 4), marked(0)), (marked([0.0] * 4), marked(0))
    for tokens in (1.0, 2.0):
        for cache in (one, other):
            replayed(weight, *cache, torch.tensor(tokens))
    assert len(captures) == 2
    assert one[0].tolist() == other[0].tolist() == [1, 2, 0, 0]


@ON_GPU
def test_a_compiled_step_is_replayed_from_any_thread():
    weight = nn.Parameter(torch.tensor(2.0, device="cuda"))
    cache, counter = torch.zeros(8, device="cuda"), torch.zeros((), dtype=torch.long, device="cuda")
    for tensor in (cache, counter):
        torch._dynamo.mark_static_address(tensor)
    compiled = torch.compile(step, backend=recorded, dynamic=False)

    @torch.no_grad()
    def take(token):
        return compiled(weight, cache, counter, torch.tensor(token, device="cuda"))[0].item()

    sums = []
    for token in (1.0, 10.0, 100.0, 1000.0):
        with ThreadPoolExecutor(1) as pool:
            sums.append(pool.submit(take, token).result())
    assert sums == [2, 22, 222, 2222]
    assert counter.item() == 4
