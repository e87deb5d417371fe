"""LLaVA with random weights has the published shapes."""

import pytest
import torch

from mirror.benchmarks.random_models import llava as random_llava
from tests.quantized import needs_nf4


def test_the_published_shapes_have_the_published_number_of_weights():
    """Counted on no device: nothing is allocated."""
    for size, billions in (("7b", 7.06), ("13b", 13.35)):
        found = sum(p.numel() for p in random_llava.random_model(size, torch.bfloat16, "meta").parameters())
        assert found / 1e9 == pytest.approx(billions, abs=0.01)


@needs_nf4
def test_4_bit_weights_are_at_the_same_places_and_shapes(monkeypatch):
    from bitsandbytes.nn import Linear4bit

    monkeypatch.setitem(random_llava.SHAPES, "7b", (64, 128, 2, 4))
    monkeypatch.setattr(random_llava, "VISION", {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2})
    own, quantized = (random_llava.random_model("7b", torch.bfloat16, "cpu", how) for how in ("none", "nf4"))
    shapes = {name: tuple(weight.shape) for name, weight in own.named_parameters()}
    found = {name: weight for name, weight in quantized.named_parameters()}
    assert found.keys() == shapes.keys()
    layers = {f"{name}.weight" for name, module in quantized.named_modules() if isinstance(module, Linear4bit)}
    assert len(layers) == 14
    for name, shape in shapes.items():
        weight = found[name]
        assert (tuple(weight.quant_state.shape) if name in layers else tuple(weight.shape)) == shape, name
    for name, buffer in own.named_buffers():
        assert torch.equal(dict(quantized.named_buffers())[name], buffer), name
