"""PhotoMaker v1 on SDXL with random weights at their published shapes, for benchmarks that need no download."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionConfig

from mirror.faces.photomaker.id_encoder import IdEncoder, random_weights

VISION = CLIPVisionConfig(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    patch_size=14,
    image_size=224,
)


def random_pipeline(tokenizer: Path, dtype: torch.dtype, device: str) -> StableDiffusionXLPipeline:
    """The pipeline of SDXL 1.0 with random weights.

    Args:
        tokenizer: folder of any CLIP tokenizer of at most 49,408 tokens.
        dtype: of the weights.
        device: a PyTorch device; the models are built there.
    """
    words = CLIPTokenizer.from_pretrained(tokenizer)
    text = {
        "vocab_size": 49408,
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    }
    large = CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        projection_dim=768,
        **text,
    )
    huge = CLIPTextConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=20,
        projection_dim=1280,
        hidden_act="gelu",
        **text,
    )
    with torch.device(device):
        unet = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=1024,
            scaling_factor=0.13025,
        )
        encoders = CLIPTextModel(large), CLIPTextModelWithProjection(huge)
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1, timestep_spacing="leading",
    )  # fmt: skip
    pipeline = StableDiffusionXLPipeline(
        vae, *encoders, words, words, unet, scheduler, force_zeros_for_empty_prompt=True, add_watermarker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device, dtype)


def random_encoder(dtype: torch.dtype, device: str) -> IdEncoder:
    """PhotoMaker v1's identity encoder, for the two text encoders of SDXL, with random weights."""
    return IdEncoder(random_weights(VISION, (768, 1280)), VISION.num_attention_heads).to(device, dtype).eval()
