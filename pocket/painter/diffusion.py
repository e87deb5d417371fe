"""Builds the untrained pocket SDXL pipeline and PhotoMaker v1 encoder, and writes them in the published formats."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.utils import logging
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionConfig

from mirror.faces.photomaker.id_encoder import random_weights
from pocket.painter.clip import MODELS, text_config, train_clip_tokenizer

SEED = 13
IMAGE_SIZE = 128
LATENT = 4  # downsampling factor of the autoencoder
PORTRAIT_SIZE, PATCH = 64, 8  # sides of the identity encoder's input and patches in pixels
RANK = 16  # of the adapter's LoRA
WIDTHS = (64, 128)  # hidden sizes of the two text encoders
PIPELINE_FOLDER, ADAPTER_FILE = MODELS / "sdxl-pocket", MODELS / "photomaker-v1-pocket.bin"

logging.disable_progress_bar()


def make_vae() -> AutoencoderKL:
    """Returns a small SDXL autoencoder: [n, 3, 128, 128] in -1 … 1 to latents [n, 4, 32, 32] and back."""
    return AutoencoderKL(
        block_out_channels=(32, 48, 64),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=IMAGE_SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def make_unet() -> UNet2DConditionModel:
    """Returns a small SDXL denoiser for latents of 32×32."""
    return UNet2DConditionModel(
        sample_size=IMAGE_SIZE // LATENT,
        block_out_channels=(48, 96, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=(1, 1, 1),
        attention_head_dim=(2, 3, 4),
        norm_num_groups=16,
        cross_attention_dim=sum(WIDTHS),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTHS[1] + 6 * 8,
    )


def make_scheduler() -> DDIMScheduler:
    """Returns SDXL's noise schedule, rescaled to zero terminal SNR, with v-prediction (arXiv 2305.08891)."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )


def make_pipeline(seed: int = SEED) -> StableDiffusionXLPipeline:
    """Returns an untrained pipeline of SDXL's classes for images of 128×128 pixels."""
    torch.manual_seed(seed)
    tokenizers = train_clip_tokenizer(), train_clip_tokenizer(pad_token="!")
    small, large = (
        text_config(
            tokenizer,
            hidden_size=width,
            intermediate_size=2 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=4,
        )
        for tokenizer, width in zip(tokenizers, WIDTHS, strict=True)
    )
    encoders = CLIPTextModel(small), CLIPTextModelWithProjection(large)
    return StableDiffusionXLPipeline(
        make_vae(), *encoders, *tokenizers, make_unet(), make_scheduler(), add_watermarker=False
    )


def make_encoder_weights() -> dict[str, torch.Tensor]:
    """Returns the initial weights of a PhotoMaker v1 identity encoder for this pipeline."""
    vision = CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=2,
        patch_size=PATCH,
        image_size=PORTRAIT_SIZE,
    )
    return random_weights(vision, WIDTHS)


def projections(unet: nn.Module) -> dict[str, nn.Linear]:
    """Returns the linear layers that the adapter's LoRA changes, all attention projections, by their LoRA names."""
    found = {}
    for name, module in unet.named_modules():
        attention, _, projection = name.rpartition(".to_")
        if attention and isinstance(module, nn.Linear):
            found[f"unet.{attention}.processor.to_{projection.removesuffix('.0')}_lora"] = module
    return found


def save_painter(
    pipeline: StableDiffusionXLPipeline, encoder: dict[str, torch.Tensor], lora: dict[str, torch.Tensor], folder: Path,
    adapter: Path,
) -> None:  # fmt: skip
    """Writes pipeline and adapter in the published formats, in float16."""
    parts = {"id_encoder": encoder, "lora_weights": lora}
    half = {part: {key: value.half().cpu() for key, value in weights.items()} for part, weights in parts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(half, adapter)
    for model in (part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)):
        model.half()  # the pipeline's own `to` warns that it would keep no module in float32
    pipeline.save_pretrained(folder)
