"""Models that take turns, on a CPU: the same swaps of storage as on a GPU, and the same numbers as without."""

import threading

import pytest
import torch
from torch import nn

from mirror.models.memory import rotation as rotations
from mirror.models.memory.rotation import Rotation, StoredWeights


def network(seed=0, width=40):
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.LazyLinear(5))
    made(torch.ones(2, 3, 6, 6))
    return made.eval().to(memory_format=torch.channels_last)


X = torch.linspace(-1, 1, 108).reshape(1, 3, 6, 6)


def addresses(module):
    return [tensor.data_ptr() for tensor in module.parameters()]


@pytest.mark.parametrize("chunk", [1, 4096, 2**30])
def test_weights_wake_as_they_were_wherever_they_are_packed(chunk, monkeypatch):
    """A piece too small for any tensor, for some, and for all of them."""
    monkeypatch.setattr(rotations, "CHUNK", chunk)
    made = network()
    tied = nn.Linear(5, 5)
    tied.bias = made[3].bias
    before = {name: value.clone() for name, value in made.state_dict().items()}
    strides = [tensor.stride() for tensor in made.parameters()]
    parameters, expected = list(made.parameters()), made(X)
    stored = StoredWeights([made, tied], pinned=False)
    resting = addresses(made)
    assert stored.size >= sum(value.nbytes for value in before.values())
    for _ in range(2):
        stored.wake(torch.device("cpu"))
        assert stored.awake and not set(addresses(made)) & set(resting)
        assert all(address % 64 == 0 for address in addresses(made))
        assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
        assert [tensor.stride() for tensor in made.parameters()] == strides  # channels last
        assert torch.equal(made(X), expected) and tied.bias is made[3].bias
        stored.rest()
        assert addresses(made) == resting and not stored.awake
    assert all(one is other for one, other in zip(made.parameters(), parameters, strict=True))


def test_one_model_is_awake_at_a_time_and_stays_so_until_another_works():
    shared = Rotation("cpu", {"counselor", "painter"})
    first, second, third = network(1), network(2), network(3)
    counselor, painter = shared.join("counselor", [first]), shared.join("painter", [second])
    filters = shared.join("filters", [third])
    assert (counselor.moves, painter.moves, filters.moves) == (True, True, False)

    def awake():
        return counselor.stored.awake, painter.stored.awake

    assert awake() == (False, False)
    with counselor:
        assert awake() == (True, False)
        with counselor:  # a call within a call
            address = addresses(first)
    assert awake() == (True, False)
    with counselor:
        assert addresses(first) == address  # not copied again
    with painter:
        assert awake() == (False, True)
    with filters:  # its own weights never move, but its work needs the others' room
        assert awake() == (False, False)


def test_a_model_that_stays_makes_room_for_its_work():
    shared = Rotation("cpu", {"counselor"})
    counselor, painter = shared.join("counselor", [network()]), shared.join("painter", [network()])
    with counselor:
        pass
    with painter:
        assert not counselor.stored.awake


def test_nobody_waits_or_moves_where_nothing_rests():
    shared = Rotation("cpu")
    made = network()
    address = addresses(made)
    one, other = shared.join("counselor", [made]), shared.join("painter", [network()])
    entered = threading.Event()

    def paint():
        with other:
            entered.set()

    with one:
        thread = threading.Thread(target=paint)
        thread.start()
        assert entered.wait(60)
        thread.join()
    assert addresses(made) == address and not one.moves


def test_a_turn_in_another_thread_waits_for_the_end_of_this_one():
    shared = Rotation("cpu", {"counselor", "painter"})
    one, other = shared.join("counselor", [network()]), shared.join("painter", [network()])
    seen = []

    def paint():
        with other:
            seen.append(one.stored.awake)

    with one:
        thread = threading.Thread(target=paint)
        thread.start()
        assert one.stored.awake and not other.stored.awake
    thread.join()
    assert seen == [False] and other.stored.awake


def test_weights_that_do_not_fit_go_on_resting_and_block_nobody(monkeypatch):
    shared = Rotation("cpu", {"counselor", "painter"})
    made = network()
    expected = made(X)
    one, other = shared.join("counselor", [made]), shared.join("painter", [network()])
    with monkeypatch.context() as patch:
        patch.setattr(
            torch, "empty_like", lambda *args, **options: (_ for _ in ()).throw(torch.OutOfMemoryError("full"))
        )
        with pytest.raises(torch.OutOfMemoryError), one:
            raise AssertionError("the turn has begun")
    assert not one.stored.awake
    done = threading.Event()

    def paint():
        with other:
            done.set()

    threading.Thread(target=paint, daemon=True).start()
    assert done.wait(60)
    with one:
        assert torch.equal(made(X), expected)


def test_a_model_wakes_inside_inference_as_outside():
    shared = Rotation("cpu", {"painter"})
    made = network()
    seat = shared.join("painter", [made])
    with torch.inference_mode(), seat:
        made(X)
    with seat:
        made(X).sum().backward()  # the weights are ordinary tensors
    assert not next(made.parameters()).is_inference()


class Network(nn.Module):
    """A network with a `forward` of its own, which PyTorch compiles."""

    def __init__(self):
        super().__init__()
        self.layers = network()

    def forward(self, x):
        return self.layers(x) * 2


def test_compiled_code_serves_every_turn():
    """Neither the addresses of weights nor their way through CPU memory compile it anew."""
    shared = Rotation("cpu", {"counselor", "painter"})
    made = Network().eval()
    expected = made(X)
    made.compile(backend="aot_eager", fullgraph=True, dynamic=False)
    painter, counselor = shared.join("painter", [made]), shared.join("counselor", [network(1)])
    with torch.inference_mode(), painter:
        made(X)
    for _ in range(2):
        with counselor:
            pass
        with torch._dynamo.config.patch(error_on_recompile=True), torch.inference_mode(), painter:
            torch.testing.assert_close(made(X), expected)
