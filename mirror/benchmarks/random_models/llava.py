"""LLaVA-1.5 with random weights at its published shapes, for benchmarks that need no download."""

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from mirror.models.llava import SHAPES


def random_model(size: str, dtype: torch.dtype, device: str) -> LlavaForConditionalGeneration:
    """LLaVA-1.5 at its published shapes, with random weights.

    Args:
        size: `7b` or `13b`.
        dtype: of the weights.
        device: a PyTorch device; the model is built there.
    """
    hidden, intermediate, layers, heads = SHAPES[size]
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=14,
            projection_dim=768,
        ),
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
    with torch.device(device):
        return LlavaForConditionalGeneration._from_config(config, dtype=dtype)
