"""Frozen weights in float8: close in value and gradient, LoRA untouched, refused where it cannot run."""

import pytest
import torch
from torch import nn

from mirror.models.llava import load
from mirror.models.lora import LoraLinear, add_lora, lora_weights
from mirror.training.float8 import Float8Linear, float8_obstacle, freeze_in_float8, product, quantize
from tests.tiny_llava import BASE


def error(found, wanted):
    return ((found - wanted).float().norm() / wanted.float().norm()).item()


def test_quantize_keeps_every_row_within_float8s_rounding():
    matrix = torch.randn(6, 64) * torch.tensor([1e-4, 1e-2, 1, 1e2, 1e4, 0.0])[:, None]
    values, scale = quantize(matrix)
    assert values.dtype == torch.float8_e4m3fn and scale.shape == (6, 1)
    back = values.float() * scale
    assert torch.equal(back[5], matrix[5])  # a row of zeros stays one
    for row in range(5):
        assert error(back[row], matrix[row]) < 0.04
        assert back[row].abs().max().item() == pytest.approx(matrix[row].abs().max().item(), rel=1e-6)


def test_value_and_gradient_are_close_to_the_linear_layers():
    torch.manual_seed(0)
    linear = nn.Linear(256, 128, bias=False, dtype=torch.bfloat16)
    x = torch.randn(3, 40, 256, dtype=torch.bfloat16, requires_grad=True)
    same = x.detach().clone().requires_grad_()
    weight = torch.randn(3, 40, 128, dtype=torch.bfloat16)
    y, wanted = Float8Linear(linear)(x), linear(same)
    (y * weight).sum().backward()
    (wanted * weight).sum().backward()
    assert y.shape == wanted.shape and y.dtype == torch.bfloat16
    assert 0 < error(y, wanted) < 0.05 and 0 < error(x.grad, same.grad) < 0.05


def test_rows_are_independent_of_each_other():
    values, scale = quantize(torch.randn(32, 64))
    x = torch.randn(4, 64, dtype=torch.bfloat16)
    alone = product(x[:1], values, scale.T)
    crowded = product(torch.cat([x[:1], 1000 * x[1:]]), values, scale.T)[:1]
    assert torch.equal(alone, crowded)


def test_only_the_frozen_weights_under_lora_change():
    llava = load(str(BASE), dtype=torch.bfloat16)
    model = add_lora(llava.model, 4, 8, 0.0, seed=0)
    names = {name for name, _ in model.named_parameters() if "lora_" in name}
    freeze_in_float8(model)
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLinear)]
    assert len(layers) == 14 and all(isinstance(layer.base_layer, Float8Linear) for layer in layers)
    assert {name for name, _ in model.named_parameters() if "lora_" in name} == names
    assert all(p.dtype == torch.float32 for p in lora_weights(model))
    assert isinstance(llava.model.lm_head, nn.Linear)


def test_a_device_without_float8_is_named():
    assert "needs an NVIDIA GPU, found cpu" in float8_obstacle(torch.device("cpu"))
