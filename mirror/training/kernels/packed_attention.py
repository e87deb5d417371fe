"""Attention within each of several sequences that lie one after another in one row, without padding between them.

Source of the layout: variable-length attention as in FlashAttention (cumulative sequence starts), under the argument
names of transformers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, LlamaModel
from transformers.models.llama.modeling_llama import repeat_kv

FLASH, ONE_BY_ONE = "packed_flash", "packed_one_by_one"
CAUSAL = (-1, 0)  # window: everything before, nothing after


@contextmanager
def packed_attention(decoder: LlamaModel) -> Iterator[None]:
    """Within the block, the decoder attends as `cu_seq_lens_q` and `max_length_q` say, which it is called with.

    The backward pass belongs into the block, too: recomputed activations need the same attention. On a GPU in bf16
    this is one flash kernel for all sequences; elsewhere the sequences are computed one by one.

    Args:
        decoder: whose configuration is changed within the block.
    """
    config, before = decoder.config, decoder.config._attn_implementation
    config._attn_implementation = FLASH if has_flash(decoder) else ONE_BY_ONE
    try:
        yield
    finally:
        config._attn_implementation = before


def has_flash(decoder: LlamaModel) -> bool:
    """Whether the flash kernel can be used: an NVIDIA GPU since Ampere, and 16-bit activations."""
    weight = decoder.embed_tokens.weight
    if weight.device.type != "cuda" or weight.dtype not in (torch.bfloat16, torch.float16):
        return False
    capable = torch.cuda.get_device_capability(weight.device) >= (8, 0)
    return capable and torch.backends.cuda.is_flash_attention_available()


def _flash(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, length, width] each → [1, length, heads, width]."""
    key, value = repeat_kv(key, module.num_key_value_groups), repeat_kv(value, module.num_key_value_groups)
    q, k, v = (tensor.squeeze(0).transpose(0, 1) for tensor in (query, key, value))
    bounds, longest = cu_seq_lens_q, max_length_q
    output = varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=scaling, window_size=CAUSAL)
    return cast(torch.Tensor, output).unsqueeze(0), None


@torch.compiler.disable  # every combination of lengths would be compiled
def _one_by_one(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    cu_seq_lens_q: torch.Tensor,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, length, width] each → [1, length, heads, width]."""
    key, value = repeat_kv(key, module.num_key_value_groups), repeat_kv(value, module.num_key_value_groups)
    lengths = cu_seq_lens_q.diff().tolist()
    sequences = zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    parts = [F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling) for q, k, v in sequences]
    return torch.cat(parts, dim=2).transpose(1, 2), None


AttentionInterface.register(FLASH, _flash)
AttentionInterface.register(ONE_BY_ONE, _one_by_one)
