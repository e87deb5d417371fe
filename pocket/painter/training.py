"""Trains the pocket painter on drawn faces: the autoencoder, the identity encoder, then all that denoises together.

Everything is trained from scratch. A portrait's identity is merged into the token for the person, as in PhotoMaker
(arXiv 2312.04461).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionXLPipeline
from torch import nn

from mirror.faces.photomaker.id_encoder import IdEncoder
from pocket.optimize import fastest_kernels, half_precision, train
from pocket.painter.autoencoder import train_vae
from pocket.painter.clip import init_weights
from pocket.painter.diffusion import IMAGE_SIZE, RANK, make_encoder_weights, make_pipeline, projections
from pocket.painter.filters import image_tensors
from pocket.painter.identity_encoder import train_identity_encoder
from pocket.painter.latents import Latents, make_latents
from pocket.painter.prompts import NEGATIVE, Prompts, read_prompts
from pocket.pictures.portraits import Portraits

MAX_SNR = 5.0  # the loss weight is clipped at this signal-to-noise ratio (arXiv 2303.09556)
EMA_DECAY = 0.998  # of the moving average of the weights, per step
PORTRAIT_SHARE, NEGATIVE_SHARE = 3 / 4, 1 / 8  # shares of a batch: with a portrait, negatives; the rest has text only
PERSON_SHARE = 0.1  # share of prompts that say "person" instead of the gender


@dataclass(frozen=True)
class PainterSchedule:
    """Steps and batch sizes of autoencoder, identity encoder and painter.

    Attributes:
        vae_steps: Steps of the autoencoder.
        vae_batch: Pictures per step of the autoencoder.
        identity_steps: Steps of the identity encoder alone.
        steps: Steps of the painter.
        batch: Pictures per step of the identity encoder and the painter.
        learning_rate: The painter's peak learning rate.
    """

    vae_steps: int
    vae_batch: int
    identity_steps: int
    steps: int
    batch: int
    learning_rate: float


class Painter(nn.Module):
    """All that is trained to denoise: text encoders, denoiser, identity encoder."""

    def __init__(self, pipeline: StableDiffusionXLPipeline) -> None:
        super().__init__()
        self.text_encoder, self.text_encoder_2 = pipeline.text_encoder, pipeline.text_encoder_2
        self.unet = pipeline.unet
        self.id_encoder = IdEncoder(make_encoder_weights())
        for reader in (self.text_encoder, self.text_encoder_2, self.id_encoder):
            init_weights(reader)
        sizes = torch.tensor([[IMAGE_SIZE, IMAGE_SIZE, 0, 0, IMAGE_SIZE, IMAGE_SIZE]])
        self.register_buffer("sizes", sizes, persistent=False)

    def conditions(
        self, ids: tuple[torch.Tensor, torch.Tensor], portraits: torch.Tensor, start: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Encodes prompts, merging the identity of portraits into the token at `start` of the first rows.

        Args:
            ids: Token ids for both text encoders, [n, 77] each.
            portraits: [m, 3, p, p] portraits of the first m ≤ n rows.
            start: Position of the token for the person.

        Returns:
            Hidden states [n, 77, d] and pooled embeddings [n, e].
        """
        outputs = [
            encoder(rows, output_hidden_states=True)
            for encoder, rows in zip((self.text_encoder, self.text_encoder_2), ids, strict=True)
        ]
        words = torch.cat([output.hidden_states[-2] for output in outputs], -1).clone()
        merged = len(portraits)
        fused = self.id_encoder.fuse_module(words[:merged, start], self.id_encoder(portraits)[:, 0])
        words[:merged, start] = fused.to(words.dtype)
        return words, outputs[1].text_embeds


class Denoiser(nn.Module):
    """The denoiser as a function of tensors alone, as CUDA graphs need it."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self.unet, self.sizes = painter.unet, painter.sizes

    def forward(
        self, noisy: torch.Tensor, steps: torch.Tensor, words: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        """Predicts the velocity of noisy latents at `steps`, given hidden states and pooled embeddings of prompts."""
        added = {"text_embeds": pooled, "time_ids": self.sizes.expand(len(noisy), -1)}
        return self.unet(noisy, steps, words, added_cond_kwargs=added).sample


def train_painter(
    faces: Portraits, schedule: PainterSchedule, random: torch.Generator, seed: int
) -> tuple[StableDiffusionXLPipeline, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Trains a pipeline and its adapter.

    Args:
        faces: The pictures, several consecutive ones of each person.
        schedule: Steps and batch sizes.
        random: Source of the draws; its device trains.
        seed: Seed of the pipeline's initial weights.

    Returns:
        The pipeline, and the adapter's identity encoder and LoRA weights by their published names.
    """
    pipeline = make_pipeline(seed)
    images, _ = image_tensors(faces, random.device)
    train_vae(pipeline.vae, images, schedule.vae_steps, schedule.vae_batch, random)
    latents = make_latents(pipeline.vae, faces, random)
    painter = Painter(pipeline)
    train_identity_encoder(painter.id_encoder, latents, schedule.identity_steps, schedule.batch, random)
    lora = train_denoiser(painter, pipeline, latents, schedule, random)
    return pipeline, published_names(painter.id_encoder), lora


def train_denoiser(
    painter: Painter,
    pipeline: StableDiffusionXLPipeline,
    latents: Latents,
    schedule: PainterSchedule,
    random: torch.Generator,
) -> dict[str, torch.Tensor]:
    """Trains `painter`, sets its weights to their moving average, and returns the LoRA of its adapter."""
    device = random.device
    painter.to(device).train()
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), device)
    signal = pipeline.scheduler.alphas_cumprod.to(device)
    learned = [parameter for parameter in painter.parameters() if parameter.requires_grad]
    denoise = with_cuda_graphs(Denoiser(painter), latents, schedule, pipeline, device)
    ema = [parameter.detach().clone() for parameter in learned]
    early: dict[str, torch.Tensor] = {}

    def loss(step: int) -> torch.Tensor:
        if step == 2 * schedule.steps // 3:
            early.update({name: layer.weight.detach().clone() for name, layer in projections(painter.unet).items()})
        update_ema(ema, learned, step)
        return denoising_loss(painter, denoise, latents, prompts, signal, schedule.batch, random)

    train(learned, loss, schedule.steps, schedule.learning_rate, "painter")
    update_ema(ema, learned, schedule.steps)
    with torch.no_grad():
        torch._foreach_copy_(learned, ema)
    painter.eval()
    return extract_lora(painter.unet, early)


@torch.no_grad()
def update_ema(ema: Sequence[torch.Tensor], learned: Sequence[torch.Tensor], step: int) -> None:
    """Updates the exponential moving average of the weights, with a warm-up of its decay."""
    torch._foreach_lerp_(ema, learned, 1 - min(EMA_DECAY, step / (step + 9)))


def with_cuda_graphs(
    denoiser: Denoiser,
    latents: Latents,
    schedule: PainterSchedule,
    pipeline: StableDiffusionXLPipeline,
    device: torch.device,
) -> nn.Module:
    """Captures forward and backward pass as CUDA graphs on a GPU: for so small a network kernel launches dominate."""
    if device.type != "cuda":
        return denoiser
    n, width = schedule.batch, pipeline.unet.config.cross_attention_dim
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
    """Returns the weighted mean squared error of the predicted velocity on one batch.

    The weight of the clean picture's error is the signal-to-noise ratio, clipped to 1 … `MAX_SNR`. The lower bound
    (arXiv 2202.00512) keeps the noisiest steps, which decide about the identity when few steps are used.

    Args:
        painter: Encodes the prompts.
        denoise: The denoiser, called with noisy latents, time steps, hidden states and pooled embeddings.
        latents: The training data.
        prompts: The prompts.
        signal: [t] the scheduler's cumulative alphas.
        batch: Pictures per batch.
        random: Source of the draws.
    """
    device, merged = random.device, round(PORTRAIT_SHARE * batch)
    pick = torch.randint(len(latents.clean), (batch,), generator=random, device=device)
    negative = torch.arange(batch, device=device) >= batch - round(NEGATIVE_SHARE * batch)
    clean = torch.where(negative[:, None, None, None], latents.negatives[pick], latents.clean[pick])
    unspecified = torch.rand(batch, generator=random, device=device) < PERSON_SHARE
    kinds = torch.where(negative, NEGATIVE, torch.where(unspecified, 2, torch.where(latents.men[pick], 0, 1)))
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
    """Moves a low-rank part of the attention weights from `unet` into a LoRA; both together equal the trained weights.

    The LoRA is the best approximation of rank `RANK` to the change of the weights since they were `early`.

    Args:
        unet: The trained denoiser, which is changed in place.
        early: Earlier weights of the layers in `projections(unet)`, by the same names.

    Returns:
        The LoRA weights by their published names.
    """
    lora = {}
    for name, layer in projections(unet).items():
        u, s, v = torch.linalg.svd((layer.weight.detach() - early[name]).float(), full_matrices=False)
        up, down = u[:, :RANK] * s[:RANK].sqrt(), s[:RANK, None].sqrt() * v[:RANK]
        lora |= {f"{name}.up.weight": up, f"{name}.down.weight": down}
        layer.weight.data -= up @ down
    return lora


def published_names(encoder: IdEncoder) -> dict[str, torch.Tensor]:
    """Returns the encoder's weights by their published names, which differ from those of current transformers."""
    own = encoder.state_dict()
    nested = {key: key.replace("vision_model.", "vision_model.vision_model.", 1) for key in make_encoder_weights()}
    return {key: own[key if key in own else inner] for key, inner in nested.items()}
