"""Attention within sequences that share a row: as of each alone; the configuration is as before afterwards."""

import pytest
import torch
from transformers import LlamaConfig, LlamaModel

from mirror.training.kernels.packed_attention import FLASH, ONE_BY_ONE, has_flash, packed_attention

LENGTHS = [3, 7, 1, 4]


@pytest.fixture(params=[4, 2], ids=["as many keys as queries", "grouped keys"])
def decoder(request):
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=request.param,
        vocab_size=8,
    )
    return LlamaModel._from_config(config, attn_implementation="sdpa")


def places(lengths):
    bounds = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    return {
        "position_ids": torch.cat([torch.arange(length) for length in lengths]).unsqueeze(0),
        "cu_seq_lens_q": bounds,
        "max_length_q": max(lengths),
    }


def test_each_sequence_is_computed_as_if_alone(decoder):
    embeddings = torch.randn(1, sum(LENGTHS), 32, requires_grad=True)
    pieces = embeddings.split(LENGTHS, dim=1)
    wanted = torch.cat([decoder(inputs_embeds=piece, use_cache=False).last_hidden_state for piece in pieces], dim=1)
    weights = torch.randn_like(wanted)
    (gradient,) = torch.autograd.grad((wanted * weights).sum(), embeddings)
    with packed_attention(decoder):
        found = decoder(inputs_embeds=embeddings, use_cache=False, **places(LENGTHS)).last_hidden_state
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
        (found,) = torch.autograd.grad((found * weights).sum(), embeddings)
    torch.testing.assert_close(found, gradient, atol=1e-5, rtol=1e-5)


def test_the_attention_is_as_before_afterwards(decoder):
    assert not has_flash(decoder)
    with pytest.raises(ZeroDivisionError), packed_attention(decoder):
        assert decoder.config._attn_implementation == ONE_BY_ONE
        raise ZeroDivisionError
    assert decoder.config._attn_implementation == "sdpa"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_flash_kernel_computes_the_same(decoder):
    decoder = decoder.cuda().bfloat16()
    embeddings = torch.randn(1, sum(LENGTHS), 32, device="cuda", dtype=torch.bfloat16)
    inputs = {
        name: value.cuda() if isinstance(value, torch.Tensor) else value for name, value in places(LENGTHS).items()
    }
    pieces = embeddings.split(LENGTHS, dim=1)
    wanted = torch.cat([decoder(inputs_embeds=piece, use_cache=False).last_hidden_state for piece in pieces], dim=1)
    with packed_attention(decoder):
        assert decoder.config._attn_implementation == FLASH
        found = decoder(inputs_embeds=embeddings, use_cache=False, **inputs).last_hidden_state
    torch.testing.assert_close(found, wanted, atol=0.05, rtol=0.05)
