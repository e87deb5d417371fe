"""Trains the pocket painter on drawn faces: autoencoder, identity encoder, then denoiser and text encoders with it.

All of it learns from scratch: a portrait's identity melts into the word for the person, as PhotoMaker has it
(arXiv 2312.04461). Knows nothing of files or verdicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionXLPipeline
from torch import nn

from mirror.faces.photomaker.id_encoder import IdEncoder
from pocket.optimize import train, fastest_kernels, half_precision
from pocket.painter.autoencoder import train_vae
from pocket.painter.clip import start
from pocket.painter.diffusion import IMAGE_SIZE, RANK, make_encoder_weights, make_pipeline, projections
from pocket.painter.filters import image_tensors
from pocket.painter.latents import Latents, make_latents
from pocket.painter.identity_encoder import train_identity_encoder
from pocket.painter.prompts import NEGATIVE, Prompts, read_prompts
from pocket.pictures.portraits import Portraits

MAX_SNR = 5.0  # signal-to-noise ratio above which a step weighs no more (arXiv 2303.09556)
EMA_DECAY = 0.998  # of the mean of the weights, each step
PORTRAIT_SHARE, NEGATIVE_SHARE = 3 / 4, 1 / 8  # shares of a batch: with a portrait, what a negative prompt refuses; else text alone
PERSON_SHARE = 0.1  # share of prompts that say "person"


@dataclass(frozen=True)
class Recipe:
    """How long autoencoder, identity encoder and painter learn: steps, and pictures of a step."""

    vae_steps: int
    vae_batch: int
    identity_steps: int
    steps: int
    batch: int
    rate: float  # the painter's highest


class Painter(nn.Module):
    """All that learns to denoise: text encoders, denoiser, identity encoder."""

    def __init__(self, pipeline: StableDiffusionXLPipeline) -> None:
        super().__init__()
        self.text_encoder, self.text_encoder_2 = pipeline.text_encoder, pipeline.text_encoder_2
        self.unet = pipeline.unet
        self.id_encoder = IdEncoder(make_encoder_weights())
        for reader in (self.text_encoder, self.text_encoder_2, self.id_encoder):
            start(reader)
        sizes = torch.tensor([[IMAGE_SIZE, IMAGE_SIZE, 0, 0, IMAGE_SIZE, IMAGE_SIZE]])
        self.register_buffer("sizes", sizes, persistent=False)

    def conditions(
        self, ids: tuple[torch.Tensor, torch.Tensor], portraits: torch.Tensor, start: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Words [n, 77, d] and pooled [n, p]; the first rows have a portrait each, which melts into word `start`."""
        outputs = [
            encoder(rows, output_hidden_states=True)
            for encoder, rows in zip((self.text_encoder, self.text_encoder_2), ids, strict=True)
        ]
        words = torch.cat([output.hidden_states[-2] for output in outputs], -1).clone()
        merged = len(portraits)
        melted = self.id_encoder.fuse_module(words[:merged, start], self.id_encoder(portraits)[:, 0])
        words[:merged, start] = melted.to(words.dtype)
        return words, outputs[1].text_embeds


class Denoiser(nn.Module):
    """The denoiser as a function of tensors alone, which a GPU can record."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self.unet, self.sizes = painter.unet, painter.sizes

    def forward(
        self, noisy: torch.Tensor, steps: torch.Tensor, words: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        added = {"text_embeds": pooled, "time_ids": self.sizes.expand(len(noisy), -1)}
        return self.unet(noisy, steps, words, added_cond_kwargs=added).sample


def train_painter(
    album: Portraits, recipe: Recipe, random: torch.Generator, seed: int
) -> tuple[StableDiffusionXLPipeline, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A pipeline, and the two parts of its adapter, that learned from the album."""
    pipeline = make_pipeline(seed)
    images, _ = image_tensors(album, random.device)
    train_vae(pipeline.vae, images, recipe.vae_steps, recipe.vae_batch, random)
    latents = make_latents(pipeline.vae, album, random)
    painter = Painter(pipeline)
    train_identity_encoder(painter.id_encoder, latents, recipe.identity_steps, recipe.batch, random)
    lora = train_denoiser(painter, pipeline, latents, recipe, random)
    return pipeline, published_names(painter.id_encoder), lora


def train_denoiser(
    painter: Painter, pipeline: StableDiffusionXLPipeline, latents: Latents, recipe: Recipe, random: torch.Generator
) -> dict[str, torch.Tensor]:
    """Trains `painter`, whose weights end as their running mean; gives the LoRA of its adapter."""
    device = random.device
    painter.to(device).train()
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), device)
    signal = pipeline.scheduler.alphas_cumprod.to(device)
    learned = [parameter for parameter in painter.parameters() if parameter.requires_grad]
    denoise = recorded(Denoiser(painter), latents, recipe, pipeline, device)
    mean = [parameter.detach().clone() for parameter in learned]
    early: dict[str, torch.Tensor] = {}

    def loss(step: int) -> torch.Tensor:
        if step == 2 * recipe.steps // 3:
            early.update({name: layer.weight.detach().clone() for name, layer in projections(painter.unet).items()})
        follow(mean, learned, step)
        return denoising_loss(painter, denoise, latents, prompts, signal, recipe.batch, random)

    train(learned, loss, recipe.steps, recipe.rate, "painter")
    follow(mean, learned, recipe.steps)
    with torch.no_grad():
        torch._foreach_copy_(learned, mean)
    painter.eval()
    return extract_lora(painter.unet, early)


@torch.no_grad()
def follow(mean: Sequence[torch.Tensor], learned: Sequence[torch.Tensor], step: int) -> None:
    """Moves the running mean towards the weights, at first faster."""
    torch._foreach_lerp_(mean, learned, 1 - min(EMA_DECAY, step / (step + 9)))


def recorded(
    denoiser: Denoiser, latents: Latents, recipe: Recipe, pipeline: StableDiffusionXLPipeline, device: torch.device
) -> nn.Module:
    """On a GPU the denoiser, forwards and backwards, as CUDA graphs: it is so small that launching it takes longer."""
    if device.type != "cuda":
        return denoiser
    n, width = recipe.batch, pipeline.unet.config.cross_attention_dim
    pooled = pipeline.text_encoder_2.config.projection_dim
    sample = (
        torch.zeros(n, *latents.clean.shape[1:], device=device),
        torch.zeros(n, dtype=torch.long, device=device),
        torch.zeros(n, 77, width, device=device, requires_grad=True),
        torch.zeros(n, pooled, device=device, dtype=torch.bfloat16, requires_grad=True),
    )
    with half_precision(device), fastest_kernels():
        return torch.cuda.make_graphed_callables(denoiser, sample)


def denoising_loss(
    painter: Painter,
    denoise: nn.Module,
    latents: Latents,
    prompts: Prompts,
    signal: torch.Tensor,
    batch: int,
    random: torch.Generator,
) -> torch.Tensor:
    """The weighted error of the predicted velocity of one batch.

    The first of the few steps begin at noise, and who is painted is decided there: the clean picture's error weighs as
    the signal-to-noise ratio, but not less than 1 (arXiv 2202.00512) nor more than `MAX_SNR`.
    """
    device, merged = random.device, round(PORTRAIT_SHARE * batch)
    pick = torch.randint(len(latents.clean), (batch,), generator=random, device=device)
    refused = torch.arange(batch, device=device) >= batch - round(NEGATIVE_SHARE * batch)
    clean = torch.where(refused[:, None, None, None], latents.spoiled[pick], latents.clean[pick])
    unsure = torch.rand(batch, generator=random, device=device) < PERSON_SHARE
    kinds = torch.where(refused, NEGATIVE, torch.where(unsure, 2, torch.where(latents.men[pick], 0, 1)))
    rows = prompts.pick(latents.shown[pick], kinds, random)
    portraits = latents.portraits[latents.other_moments(pick[:merged], random)]
    steps = torch.randint(len(signal), (batch,), generator=random, device=device)
    noise = torch.randn(clean.shape, generator=random, device=device)
    a, s = (part[:, None, None, None] for part in (signal[steps].sqrt(), (1 - signal[steps]).sqrt()))
    with half_precision(device):
        words, pooled = painter.conditions((prompts.ids[0][rows], prompts.ids[1][rows]), portraits, prompts.start)
        velocity = denoise(a * clean + s * noise, steps, words, pooled)
    ratio = signal[steps] / (1 - signal[steps])
    weight = ratio.clamp(1, MAX_SNR) / (ratio + 1)
    return (weight * (velocity.float() - (a * noise - s * clean)).square().mean((1, 2, 3))).mean()


def extract_lora(unet: nn.Module, early: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The LoRA of the adapter, by its published names; the `unet` keeps the rest, so that both together are as learned.

    It is the part of rank `RANK` of what the attentions have learned since their weights were `early`.
    """
    lora = {}
    for name, layer in projections(unet).items():
        u, s, v = torch.linalg.svd((layer.weight.detach() - early[name]).float(), full_matrices=False)
        up, down = u[:, :RANK] * s[:RANK].sqrt(), s[:RANK, None].sqrt() * v[:RANK]
        lora |= {f"{name}.up.weight": up, f"{name}.down.weight": down}
        layer.weight.data -= up @ down
    return lora


def published_names(encoder: IdEncoder) -> dict[str, torch.Tensor]:
    """The encoder's weights by the names of the published files, whatever transformers calls its vision model."""
    own = encoder.state_dict()
    nested = {key: key.replace("vision_model.", "vision_model.vision_model.", 1) for key in make_encoder_weights()}
    return {key: own[key if key in own else inner] for key, inner in nested.items()}
