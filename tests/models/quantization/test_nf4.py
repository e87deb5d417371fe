"""NF4: exactly the layers that get LoRA, in the format of the paper, trainable after the model has answered."""

import re

import pytest
import torch
from torch import nn

from mirror.models.llava import load
from mirror.models.lora import (
    TARGETS,
    LoraLinear,
    add_lora,
    load_adapter,
    lora_weights,
    merge_adapter,
    round_frozen_weights,
)
from mirror.models.quantization import nf4
from mirror.models.quantization.nf4 import BYTES, loading_options, quantized_linear, rounded
from tests.quantized import needs_nf4
from tests.tiny_llava import BASE, ORIGINAL, shake

# The sixteen quantiles of a normal distribution (Dettmers et al. 2023, appendix E), to four places.
LEVELS = [-1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0.0]
LEVELS += [0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.7230, 1.0]
IDS = torch.tensor([[1, 7, 30, 12, 9, 44]])


@pytest.fixture(scope="module")
def quantized():
    return load(str(BASE), quantize="nf4").model


def layers(model, kind):
    return {name for name, module in model.named_modules() if isinstance(module, kind)}


@needs_nf4
def test_the_layers_of_lora_are_quantized_and_no_others(quantized):
    from bitsandbytes.nn import Linear4bit

    own = load(str(BASE)).model
    assert layers(quantized, Linear4bit) == {n for n in layers(own, nn.Linear) if re.fullmatch(TARGETS, n)}
    assert quantized.lm_head.weight.dtype == quantized.model.vision_tower.dtype == torch.float32


@needs_nf4
def test_a_weight_takes_four_bits_and_its_scales():
    """The table of 8-bit levels of the second quantization, 1 kB, is shared by all weights of a layer."""
    layer = quantized_linear(torch.randn(512, 1024))
    state = layer.weight.quant_state
    tensors = (layer.weight, state.absmax, state.state2.absmax)
    assert sum(tensor.nbytes for tensor in tensors) / (512 * 1024) == pytest.approx(BYTES)


@needs_nf4
def test_a_block_of_64_weights_takes_the_levels_of_the_paper_times_its_greatest():
    weight = torch.tensor(LEVELS * 4).repeat(4, 1) * torch.tensor([[0.5], [1.0], [2.0], [4.0]])
    torch.testing.assert_close(rounded(weight), weight, atol=0, rtol=0.03)  # the scales have 8 bits themselves
    torch.testing.assert_close(rounded(weight + 0.03 * weight.abs()), weight, atol=0, rtol=0.06)


@needs_nf4
def test_value_and_gradient_are_those_of_the_rounded_weight(quantized):
    """Also after answers without gradients, which rearrange quantized weights on some CPUs."""
    own = load(str(BASE)).model
    results = []
    for model in (quantized, own):
        tuned = add_lora(model, 4, 8, 0.0, seed=0)
        shake(tuned)
        if model is own:
            round_frozen_weights(tuned)
        tuned.eval()
        with torch.no_grad():
            tuned(input_ids=IDS)
        tuned.train()
        loss = model(input_ids=IDS, labels=IDS).loss
        loss.backward()
        results.append((loss.detach(), [weight.grad for weight in lora_weights(tuned)]))
    torch.testing.assert_close(results[0][0], results[1][0])
    for found, wanted in zip(results[0][1], results[1][1], strict=True):
        assert wanted.abs().max() > 0
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-4)


@needs_nf4
def test_an_adapter_over_4_bits_is_merged_over_what_they_stand_for():
    """Rounding first: the model of training. Without: the adapter over the base's own weights, which differs."""
    outputs = {}
    for quantize in ("none", "nf4"):
        model = load(str(BASE), quantize=quantize).model
        load_adapter(model, ORIGINAL)
        with torch.no_grad():
            outputs[quantize] = model(input_ids=IDS).logits
    for quantize in ("none", "nf4"):
        model = load(str(BASE)).model
        load_adapter(model, ORIGINAL)
        if quantize == "nf4":
            round_frozen_weights(model)
        merged = merge_adapter(model)
        assert not layers(merged, LoraLinear)
        with torch.no_grad():
            torch.testing.assert_close(merged(input_ids=IDS).logits, outputs[quantize], atol=1e-4, rtol=1e-4)
    assert (outputs["none"] - outputs["nf4"]).abs().max() > 0.01


def test_without_the_extra_nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(nf4, "nf4_obstacle", lambda: "install it")
    for refused in (lambda: loading_options("nf4", torch.float32, "cpu"), lambda: rounded(torch.zeros(64, 64))):
        with pytest.raises(ValueError, match="^install it$"):
            refused()
    assert loading_options("none", torch.float32, "cpu") == {}
