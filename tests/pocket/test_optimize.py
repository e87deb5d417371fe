"""The training loop of all pocket networks: it descends, follows its schedule, and clips."""

import re

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pocket.optimize import fastest_kernels, half_precision, seeded_generator, train, train_one_cycle

LOOPS = {
    "cosine": train,
    "one cycle": lambda *given: train_one_cycle(*given, weight_decay=0.0),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_quadratic_is_minimized_and_each_step_asked_for_once(loop, capsys):
    weight, target, steps = torch.nn.Parameter(torch.zeros(3)), torch.tensor([1.0, -2.0, 3.0]), []

    def loss(step):
        steps.append(step)
        return ((weight - target) ** 2).sum()

    loop([weight], loss, 200, 0.1, "quadratic")
    assert steps == list(range(200)) and weight.grad is None
    torch.testing.assert_close(weight.detach(), target, atol=0.1, rtol=0)
    losses = [float(loss) for loss in dict.fromkeys(re.findall(r"loss ([\d.]+)", capsys.readouterr().err))]
    assert 5 < len(losses) <= 10 and losses[-1] < 0.1 < losses[0]


def steps_of(loop, *given, **options):
    """How far each step moves a weight whose gradient never changes; AdamW moves it by its rate."""
    weight, places = torch.nn.Parameter(torch.zeros(1)), []

    def loss(step):
        places.append(weight.item())
        return weight.sum()

    loop([weight], loss, *given, "line", **options)
    return [before - after for before, after in zip(places, places[1:], strict=False)]


def test_the_rate_rises_to_its_peak_and_falls_to_zero():
    moved = steps_of(train, 100, 0.01)
    assert moved.index(max(moved)) == pytest.approx(5, abs=2) and max(moved) == pytest.approx(0.01, rel=0.05)
    assert moved[0] == 0 and moved[-1] < 1e-4
    moved = steps_of(train_one_cycle, 100, 0.01, weight_decay=0.0, warmup=0.3)
    assert moved.index(max(moved)) == pytest.approx(29, abs=3) and moved[-1] < 1e-4


@pytest.mark.parametrize(
    ("loop", "norms"),
    [
        (train, [0.5, 1, 1]),
        (lambda *given: train_one_cycle(*given, weight_decay=0.0), [0.5, 5, 5]),
        (lambda *given: train_one_cycle(*given, weight_decay=0.0, max_norm=None), [0.5, 10, 20]),
    ],
    ids=["at 1", "at 5", "never"],
)
def test_gradients_are_clipped_where_that_is_asked_for(loop, norms):
    norm_of, seen = (0.5, 10.0, 20.0), []
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]

    def note(optimizer, *_):
        seen.append(torch.stack([weight.grad for weight in weights]).norm().item())

    noted = register_optimizer_step_pre_hook(note)
    try:
        loop(weights, lambda step: norm_of[step] * (0.6 * weights[0] + 0.8 * weights[1]).sum(), 3, 0.1, "line")
    finally:
        noted.remove()
    assert seen == pytest.approx(norms, rel=1e-4)


def test_a_purpose_and_a_seed_decide_weights_and_batches():
    def drawn(*given):
        generator = seeded_generator(*given, "cpu")
        return torch.rand(2).tolist(), torch.rand(2, generator=generator).tolist()

    state = torch.random.get_rng_state()
    one, again, purpose, seed = drawn("a", 1), drawn("a", 1), drawn("b", 1), drawn("a", 2)
    torch.random.set_rng_state(state)
    assert one == again and len({str(each) for each in (one, purpose, seed)}) == 3


def test_precision_is_halved_on_a_gpu_only():
    with half_precision(torch.device("cpu")), fastest_kernels():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
        assert torch.backends.cudnn.benchmark
