"""Attention within the examples of one long row, which stand there one after another without padding.

Everything else in a language model is computed position by position, so a row without padding costs no more than
examples of one length do, and its matrix products are as large.
"""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "packed"
AMPERE = (8, 0)  # compute capability that the kernel needs
LENGTH_STEP = 1024  # the longest example is told to the kernel rounded up: each number is compiled anew


def can_pack(model: PreTrainedModel) -> bool:
    """Whether rows of this model can be packed here: in half precision, on a GPU that has the kernel."""
    is_half = model.dtype in (torch.bfloat16, torch.float16)
    return is_half and model.device.type == "cuda" and torch.cuda.get_device_capability(model.device) >= AMPERE


def allow_packing(language_model: PreTrainedModel) -> None:
    """Lets a language model read packed rows, too; others it reads as before.

    Rows differ in length, and blocks of memory of one length do not serve for another: from here on, PyTorch lets them
    grow instead. Otherwise a tenth of a GPU's memory is lost to it.
    """
    if language_model.device.type == "cuda":
        torch._C._accelerator_setAllocatorSettings("expandable_segments:True")
    AttentionInterface.register(NAME, packed)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    language_model.config._attn_implementation = NAME


def inputs(lengths: torch.Tensor) -> dict[str, Any]:
    """What a language model is given besides a packed row.

    Args:
        lengths: [examples] positions of each, on the CPU.
    """
    ends = lengths.cumsum(0)
    starts = F.pad(ends, (1, 0))
    longest = -(-int(lengths.max()) // LENGTH_STEP) * LENGTH_STEP
    return {
        "position_ids": (torch.arange(int(ends[-1])) - starts[:-1].repeat_interleave(lengths))[None],
        "attention_mask": torch.zeros(1, 1, 1, 0),  # a mask of four dimensions is passed on as it is, and not read
        "cu_seq_lens_q": starts.to(torch.int32),
        "max_length_q": longest,
    }


def packed(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention, as transformers calls it; in a packed row, within each example.

    Args:
        module: the attention layer.
        query, key, value: [rows, heads, positions, width].
        attention_mask: not read for a packed row.
        scaling: of the scores.
        cu_seq_lens_q: [examples + 1] where each example of a packed row begins, and where the last one ends.
        max_length_q: the longest example has no more positions.
        options: of transformers' own function.

    Returns:
        [rows, positions, heads, width], and None for the weights.
    """
    if cu_seq_lens_q is None:
        found: torch.Tensor = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )[0]
        return found, None
    q, k, v = (part.transpose(1, 2)[0] for part in (query, key, value))
    if query.device.type == "cpu":
        return _one_by_one(q, k, v, cu_seq_lens_q, scaling)[None], None
    out = varlen_attn(
        q, k, v, cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q, scale=scaling, window_size=(-1, 0)
    )
    assert isinstance(out, torch.Tensor)
    return out[None], None


def _one_by_one(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """[positions, heads, width]: the same on a CPU, for which there is no kernel."""
    found = []
    for start, end in pairwise(starts.tolist()):
        q, k, v = (part[start:end].transpose(0, 1) for part in (query, key, value))
        found.append(F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling).transpose(0, 1))
    return torch.cat(found)
