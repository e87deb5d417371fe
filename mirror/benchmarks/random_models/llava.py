"""LLaVA-1.5 with random weights at its published shapes, for benchmarks that need no download."""

import torch
from torch import nn
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from mirror.models.llava import SHAPES
from mirror.models.quantization import Quantize
from mirror.models.quantization.nf4 import keep_layout, quantized_linear

VISION = {  # CLIP ViT-L/14-336
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
}


def make_config(size: str) -> LlavaConfig:
    """The config of `7b` or `13b`."""
    hidden, intermediate, layers, heads = SHAPES[size]
    return LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=LlamaConfig(
            hidden_size=hidden,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
            vocab_size=32064,
        ),
        image_token_id=32000,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
    )


def random_model(
    size: str, dtype: torch.dtype, device: str, quantize: Quantize = "none"
) -> LlavaForConditionalGeneration:
    """LLaVA-1.5 at its published shapes, with random weights.

    Args:
        size: `7b` or `13b`.
        dtype: of the weights.
        device: a PyTorch device; the model is built there.
        quantize: `nf4`: the linear layers of the language model are built in 4 bits, one after the other.
    """
    config = make_config(size)
    if quantize == "nf4":
        return _quantized(config, dtype, device)
    with torch.device(device):
        return LlavaForConditionalGeneration._from_config(config, dtype=dtype)


@torch.no_grad()
def _quantized(config: LlavaConfig, dtype: torch.dtype, device: str) -> LlavaForConditionalGeneration:
    """The model with the linear layers of its decoder in 4 bits; one decoder layer at a time is in `dtype`."""
    text, count = config.text_config, config.text_config.num_hidden_layers
    text.num_hidden_layers = 0
    with torch.device(device):
        model = LlavaForConditionalGeneration._from_config(config, dtype=dtype)
    text.num_hidden_layers = count
    for number in range(count):
        with torch.device(device):
            layer = LlamaDecoderLayer(text, number).to(dtype)
        for name, linear in list(layer.named_modules()):
            if isinstance(linear, nn.Linear):
                layer.set_submodule(name, quantized_linear(linear.weight))
        model.model.language_model.layers.append(layer)
    keep_layout(model)
    return model
