"""Attention in packed rows: within each example, at positions of its own."""

import pytest
import torch
from torch import nn

from mirror.models.gpu.packed_attention import AMPERE, can_pack, inputs, packed

LENGTHS = (5, 1, 9)
HAS_KERNEL = torch.cuda.is_available() and torch.cuda.get_device_capability() >= AMPERE


class Layer(nn.Module):
    """What transformers' function asks of an attention layer."""

    is_causal, num_key_value_groups = True, 1


def states(device="cpu", dtype=torch.float32):
    """Three times [1, heads, positions, width]."""
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(1, 4, sum(LENGTHS), 16, generator=draw).to(device, dtype).requires_grad_() for _ in range(3)]


def test_positions_begin_anew_and_the_longest_is_told_rounded_up():
    found = inputs(torch.tensor(LENGTHS))
    assert found["position_ids"].tolist() == [[*range(5), 0, *range(9)]]
    assert found["cu_seq_lens_q"].tolist() == [0, 5, 6, 15] and found["cu_seq_lens_q"].dtype == torch.int32
    assert found["max_length_q"] == 1024 and inputs(torch.tensor([1025]))["max_length_q"] == 2048


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not HAS_KERNEL, reason="PyTorch sees no such GPU"))]
)
def test_no_example_attends_to_another(device):
    dtype, tolerance = (torch.float32, 1e-5) if device == "cpu" else (torch.bfloat16, 2e-2)
    whole, alone = states(device, dtype), states(device, dtype)
    starts = inputs(torch.tensor(LENGTHS))["cu_seq_lens_q"].to(device)
    found, _ = packed(Layer(), *whole, torch.zeros(1, 1, 1, 0), scaling=0.3, cu_seq_lens_q=starts, max_length_q=1024)
    pieces = zip(*(state.split(LENGTHS, dim=2) for state in alone), strict=True)
    wanted = torch.cat([packed(Layer(), *piece, None, scaling=0.3)[0] for piece in pieces], dim=1)
    torch.testing.assert_close(found, wanted, atol=tolerance, rtol=tolerance)
    weights = torch.linspace(-1, 1, found.numel(), device=device).view_as(found)
    for output in (found, wanted):
        (output.float() * weights).sum().backward()
    for one, other in zip(whole, alone, strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=tolerance, rtol=tolerance)


def test_a_mask_is_read_where_nothing_is_packed():
    mask = torch.ones(1, 1, sum(LENGTHS), sum(LENGTHS), dtype=torch.bool).tril()
    mask[..., 0] = False
    mask[..., 0, 0] = True
    query, key, value = states()
    found, _ = packed(Layer(), query, key, value, mask)
    other = value.detach().clone()
    other[:, :, 0] += 1
    changed = packed(Layer(), query, key, other, mask)[0] - found
    assert changed[:, 0].abs().max() > 0.5 and changed[:, 1:].abs().max() < 1e-5


def test_a_cpu_has_no_kernel():
    class Model:
        dtype, device = torch.bfloat16, torch.device("cpu")

    assert not can_pack(Model())
