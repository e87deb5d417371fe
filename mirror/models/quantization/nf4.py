"""Linear layers of the language model in 4 bits: NF4 with double quantization, by bitsandbytes.

Vision tower, projector, embeddings and output head keep their precision. bitsandbytes, an extra, is imported on use.

Source of the format: Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from mirror.models.quantization import Quantize, nf4_obstacle

# The parts of a LLaVA that are not quantized; what is left are the linear layers that get LoRA.
KEPT = ["model.vision_tower", "model.multi_modal_projector", "lm_head"]
# Bytes of a weight: 4 bits; a scale of 8 bits per 64 weights; a scale of 32 bits per 256 of those.
BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)


def loading_options(quantize: Quantize, dtype: torch.dtype, device: str, kept: Sequence[str] = KEPT) -> dict[str, Any]:
    """The options of `from_pretrained` that quantize the language model's linear layers; none for `none`.

    Every weight is quantized as soon as it is read, so the device never holds more than one of them in `dtype`.

    Args:
        quantize: `none` or `nf4`.
        dtype: of all other weights, and of the products with quantized ones.
        device: where the weights go.
        kept: paths of the parts that keep their precision.

    Raises:
        ValueError: bitsandbytes cannot be used here.
    """
    if quantize == "none":
        return {}
    if obstacle := nf4_obstacle():
        raise ValueError(obstacle)
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=list(kept),
    )
    return {"quantization_config": config, "device_map": {"": device}}


def keep_layout(model: nn.Module) -> None:
    """Keep the layout of the model's quantized weights, so that a model can be trained after it has answered.

    On some CPUs bitsandbytes rearranges them for inference, and products with rearranged ones have no gradient.
    """
    from bitsandbytes.nn import Linear4bit

    for layer in model.modules():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False


def quantized_linear(weight: torch.Tensor) -> nn.Linear:
    """A frozen linear layer without bias that holds `weight` [out, in] in 4 bits, on its device."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    options: dict[str, Any] = {"compress_statistics": True, "quant_type": "nf4"}
    layer = Linear4bit(*weight.T.shape, bias=False, compute_dtype=weight.dtype, device="meta", **options)
    layer.weight = Params4bit(weight, requires_grad=False, module=layer, **options).to(weight.device)
    return layer


@torch.no_grad()
def rounded(weight: torch.Tensor) -> torch.Tensor:
    """The weight [out, in] that products with its 4 bits use, in its own dtype.

    Raises:
        ValueError: bitsandbytes cannot be used here.
    """
    if obstacle := nf4_obstacle():
        raise ValueError(obstacle)
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    values, state = quantize_4bit(weight.contiguous(), quant_type="nf4", compress_statistics=True)
    return dequantize_4bit(values, state).to(weight.dtype)
