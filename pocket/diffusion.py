"""Builds the pocket SDXL pipeline and its PhotoMaker v1 adapter, in the formats of the published ones.

Random weights so far: the code that loads them is the real one, what they paint means nothing.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.utils import logging
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionConfig

from mirror.photomaker.id_encoder import random_weights
from pocket.clip import MODELS, text_config, train_tokenizer

SEED = 13
IMAGE_SIZE = 128
RANK = 4  # of the adapter's LoRA
WIDTHS = (32, 64)  # channels of the two text encoders
PIPELINE_FOLDER, ADAPTER_FILE = MODELS / "sdxl-pocket", MODELS / "photomaker-v1-pocket.bin"

logging.disable_progress_bar()


def make_pipeline(seed: int = SEED) -> StableDiffusionXLPipeline:
    """A pipeline of SDXL's classes for images of 128 × 128, one latent for 4 × 4 pixels."""
    torch.manual_seed(seed)
    tokenizers = train_tokenizer(), train_tokenizer(pad_token="!")
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4}
    small, large = (
        text_config(tokenizer, hidden_size=width, intermediate_size=2 * width, projection_dim=width, **layers)
        for tokenizer, width in zip(tokenizers, WIDTHS, strict=True)
    )
    unet = UNet2DConditionModel(
        sample_size=IMAGE_SIZE // 4,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=(1, 1),
        attention_head_dim=(2, 4),
        norm_num_groups=8,
        cross_attention_dim=sum(WIDTHS),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTHS[1] + 6 * 8,
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=IMAGE_SIZE,
        scaling_factor=0.13025,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )
    encoders = CLIPTextModel(small), CLIPTextModelWithProjection(large)
    return StableDiffusionXLPipeline(vae, *encoders, *tokenizers, unet, scheduler, add_watermarker=False)


def make_adapter(unet: UNet2DConditionModel, seed: int = SEED) -> dict[str, dict[str, torch.Tensor]]:
    """PhotoMaker v1's two parts: the identity encoder, and a LoRA on every projection of every attention."""
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=16,
        patch_size=16,
        image_size=64,
    )
    generator = torch.Generator().manual_seed(seed)
    lora = {}
    for name, module in unet.named_modules():
        attention, _, projection = name.rpartition(".to_")
        if attention and isinstance(module, torch.nn.Linear):
            path = f"unet.{attention}.processor.to_{projection.removesuffix('.0')}_lora"
            down = torch.randn(RANK, module.in_features, generator=generator) / module.in_features**0.5
            lora |= {
                f"{path}.down.weight": down,
                f"{path}.up.weight": torch.zeros(module.out_features, RANK),  # as a LoRA starts: no change
            }
    return {"id_encoder": random_weights(vision, WIDTHS), "lora_weights": lora}


def write_painter(folder: Path = PIPELINE_FOLDER, adapter: Path = ADAPTER_FILE, seed: int = SEED) -> None:
    """Writes pipeline and adapter in float16."""
    pipeline = make_pipeline(seed)
    parts = make_adapter(pipeline.unet, seed)
    half = {part: {key: value.half() for key, value in weights.items()} for part, weights in parts.items()}
    torch.save(half, adapter)
    pipeline.to(torch.float16).save_pretrained(folder)
