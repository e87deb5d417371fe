"""Trains the pocket painter on drawn faces: autoencoder, text encoders, denoiser, and PhotoMaker's identity encoder.

All of it learns from scratch, text and identity at once: a portrait's identity melts into the word for the person, as
PhotoMaker has it (arXiv 2312.04461). Knows nothing of files or verdicts.
"""

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline
from torch import nn
from tqdm import tqdm
from transformers import CLIPImageProcessorPil, get_cosine_schedule_with_warmup

from mirror.clip_text import fit, repeat_person, tokens
from mirror.photomaker.id_encoder import IdEncoder
from mirror.prompts import negative_prompt, portrait_prompt
from pocket.diffusion import IMAGE_SIZE, PORTRAIT_SIZE, RANK, make_encoder_weights, make_pipeline, projections
from pocket.expressions import EXPRESSIONS
from pocket.filters import normalised, on_device, shaken
from pocket.portraits import Portraits
from pocket.unsafe import cover
from pocket.warping import blurred, uniform
from pocket.wordings import descriptions_of

SNR = 5.0  # signal-to-noise ratio above which a step weighs no more (arXiv 2303.09556)
KEPT = 0.998  # of the mean of the weights, each step
PERSONS = ("man", "woman", "person")
REFUSED = len(PERSONS)


@dataclass(frozen=True)
class Recipe:
    """How long the painter learns: steps, pictures of a step, and the highest rate."""

    vae_steps: int
    vae_batch: int
    steps: int
    batch: int
    rate: float


# The autoencoder ------------------------------------------------------------------------------------------------------


def learn_vae(vae: AutoencoderKL, images: torch.Tensor, recipe: Recipe, random: torch.Generator) -> None:
    """Trains `vae` on pictures [n, 3, s, s] uint8, and sets its scaling factor so that latents have deviation 1."""
    device = random.device
    vae.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, weight_decay=0.0, betas=(0.9, 0.98))
    schedule = get_cosine_schedule_with_warmup(optimizer, recipe.vae_steps // 20, recipe.vae_steps)
    bar = tqdm(range(recipe.vae_steps), desc="autoencoder", unit="step", mininterval=5)
    for step in bar:
        pick = torch.randint(len(images), (recipe.vae_batch,), generator=random, device=device)
        pixels = scaled(images[pick])
        with half_precision(device):
            latent = vae.encode(pixels).latent_dist
            drawn = latent.mean + latent.std * torch.randn(latent.mean.shape, generator=random, device=device)
            seen = vae.decode(drawn).sample.float()
        # Edges count as much as areas: brows and lids are thin, and they are what an expression is made of.
        edges = sum((seen.diff(dim=d) - pixels.diff(dim=d)).abs().mean() for d in (-1, -2))
        loss = (seen - pixels).abs().mean() + edges + 3e-4 * latent.kl().mean() / latent.mean[0].numel()
        step_down(optimizer, schedule, loss, vae.parameters())
        if step % 100 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
    vae.eval()
    latents = encode(vae, images[:2000])
    vae.register_to_config(scaling_factor=round(float(1 / latents.std()), 5))


@torch.inference_mode()
def encode(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """[n, 4, s/4, s/4] the latents of pictures [n, 3, s, s] uint8, not yet scaled."""
    return torch.cat([vae.encode(scaled(part)).latent_dist.mean for part in images.split(256)])


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Pictures, 0 … 255, as -1 … 1."""
    return images.float() / 127.5 - 1


# Words ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prompts:
    """All prompts as token ids for both text encoders, two of [n, 77].

    An expression's prompts for a man, a woman or a person, and the negative prompts that refuse it, are `counts` [e]
    rows each, from `firsts` [e, 4] on. `start` is the place of the word for the person.
    """

    ids: tuple[torch.Tensor, torch.Tensor]
    firsts: torch.Tensor
    counts: torch.Tensor
    start: int

    def pick(self, shown: torch.Tensor, kinds: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """[n] a prompt's row for each picture's expression [n] and kind [n]: a person of `PERSONS`, or `REFUSED`."""
        share = torch.rand(len(shown), generator=random, device=shown.device)
        return self.firsts[shown, kinds] + (share * self.counts[shown]).long()


def read_prompts(tokenizers: Sequence, device: torch.device) -> Prompts:
    """The prompts that painter and describer would come to for every wording."""
    texts, firsts, counts, negative = [], [], [], []
    for name in EXPRESSIONS:
        shown = list(dict.fromkeys(own for own, _ in descriptions_of(name)))
        counts.append(len(shown))
        firsts.append([len(texts) + kind * len(shown) for kind in range(len(PERSONS) + 1)])
        texts += [portrait_prompt(person, text) for person in PERSONS for text in shown]
        texts += [negative_prompt(text) for text in shown]
        negative += [False] * (len(PERSONS) * len(shown)) + [True] * len(shown)
    rows, starts = [], set()
    for tokenizer in tokenizers:
        ids = []
        for text, no in zip(texts, negative, strict=True):
            read, start = (tokens(tokenizer, text), None) if no else repeat_person(tokenizer, text, 1)
            starts |= {start} - {None}
            ids.append(fit(tokenizer, read))
        rows.append(torch.tensor(ids, device=device))
    (start,) = starts
    return Prompts(tuple(rows), torch.tensor(firsts, device=device), torch.tensor(counts, device=device), start)


# The denoiser ---------------------------------------------------------------------------------------------------------


class Painter(nn.Module):
    """All that learns to denoise: text encoders, denoiser, identity encoder."""

    def __init__(self, pipeline: StableDiffusionXLPipeline) -> None:
        super().__init__()
        self.text_encoder, self.text_encoder_2 = pipeline.text_encoder, pipeline.text_encoder_2
        self.unet = pipeline.unet
        self.id_encoder = IdEncoder(make_encoder_weights())
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


@dataclass(frozen=True)
class Latents:
    """What the denoiser learns from, on its device.

    Attributes:
        clean, spoiled: [n, 4, s, s] scaled latents of the pictures, and of the pictures as none should be.
        portraits: [n, 3, p, p] the pictures as the identity encoder takes them, a little moved, soft and noisy.
        shown, persons: [n] numbers of expression and kind of person (see `PERSONS`).
        moments: how many pictures of one person follow each other.
    """

    clean: torch.Tensor
    spoiled: torch.Tensor
    portraits: torch.Tensor
    shown: torch.Tensor
    persons: torch.Tensor
    moments: int


def make_latents(vae: AutoencoderKL, album: Portraits, random: torch.Generator) -> Latents:
    images, shown = on_device(album, random.device)
    worse = torch.cat([spoil(part.float(), random).byte() for part in images.split(1000)])
    processor = CLIPImageProcessorPil()
    seen = [normalised(shaken(part.float(), PORTRAIT_SIZE, random), processor) for part in images.split(1000)]
    factor = vae.config.scaling_factor
    men = torch.from_numpy(album.men).to(images.device)
    return Latents(
        clean=encode(vae, images) * factor,
        spoiled=encode(vae, worse) * factor,
        portraits=torch.cat(seen),
        shown=shown,
        persons=torch.where(men, 0, 1),
        moments=int((album.persons == 0).sum()),
    )


def spoil(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Pictures [n, 3, s, s], 0 … 255, as negative prompts describe them: blurred, some of them unsafe."""
    soft = blurred(images, uniform(random, 0.2, 1.5, len(images)))
    unsafe = uniform(random, 0, 1, len(images), 1, 1, 1) < 0.3
    return torch.where(unsafe, cover(soft, random), soft).clamp(0, 255)


def learn_painter(
    painter: Painter, pipeline: StableDiffusionXLPipeline, latents: Latents, recipe: Recipe, random: torch.Generator
) -> dict[str, torch.Tensor]:
    """Trains `painter`, whose weights end as their running mean; gives the LoRA of its adapter.

    Of a batch, two thirds have a portrait, a sixth are text alone, a sixth are what a negative prompt refuses.
    """
    device = random.device
    painter.to(device).train()
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), device)
    signal = pipeline.scheduler.alphas_cumprod.to(device)
    learned = [parameter for parameter in painter.parameters() if parameter.requires_grad]
    mean = [parameter.detach().clone() for parameter in learned]
    optimizer = torch.optim.AdamW(
        learned, lr=recipe.rate, weight_decay=0.01, betas=(0.9, 0.98), fused=device.type == "cuda"
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, recipe.steps // 20, recipe.steps)
    denoise = recorded(Denoiser(painter), latents, recipe, pipeline, device)
    early: dict[str, torch.Tensor] = {}
    bar = tqdm(range(recipe.steps), desc="painter", unit="step", mininterval=5)
    for step in bar:
        if step == 2 * recipe.steps // 3:
            early = {name: layer.weight.detach().clone() for name, layer in projections(painter.unet).items()}
        loss = denoising_loss(painter, denoise, latents, prompts, signal, recipe.batch, random)
        step_down(optimizer, schedule, loss, learned)
        with torch.no_grad():
            torch._foreach_lerp_(mean, learned, 1 - min(KEPT, (step + 1) / (step + 10)))
        if step % 100 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
    with torch.no_grad():
        torch._foreach_copy_(learned, mean)
    painter.eval()
    return take_out_lora(painter.unet, early)


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
    with half_precision(device):
        return torch.cuda.make_graphed_callables(denoiser, sample)


def take_out_lora(unet: nn.Module, early: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
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


def denoising_loss(
    painter: Painter,
    denoise: nn.Module,
    latents: Latents,
    prompts: Prompts,
    signal: torch.Tensor,
    batch: int,
    random: torch.Generator,
) -> torch.Tensor:
    """The weighted error of the predicted velocity of one batch."""
    device, merged = random.device, 2 * batch // 3
    pick = torch.randint(len(latents.clean), (batch,), generator=random, device=device)
    refused = torch.arange(batch, device=device) >= batch - batch // 6
    clean = torch.where(refused[:, None, None, None], latents.spoiled[pick], latents.clean[pick])
    unsure = torch.rand(batch, generator=random, device=device) < 0.1
    kinds = torch.where(refused, REFUSED, torch.where(unsure, 2, latents.persons[pick]))
    rows = prompts.pick(latents.shown[pick], kinds, random)
    other = 1 + torch.randint(latents.moments - 1, (merged,), generator=random, device=device)
    first = pick[:merged] // latents.moments * latents.moments
    portraits = latents.portraits[first + (pick[:merged] - first + other) % latents.moments]
    steps = torch.randint(len(signal), (batch,), generator=random, device=device)
    noise = torch.randn(clean.shape, generator=random, device=device)
    a, s = (part[:, None, None, None] for part in (signal[steps].sqrt(), (1 - signal[steps]).sqrt()))
    with half_precision(device):
        words, pooled = painter.conditions((prompts.ids[0][rows], prompts.ids[1][rows]), portraits, prompts.start)
        velocity = denoise(a * clean + s * noise, steps, words, pooled)
    ratio = signal[steps] / (1 - signal[steps])
    weight = ratio.clamp(max=SNR) / (ratio + 1)
    return (weight * (velocity.float() - (a * noise - s * clean)).square().mean((1, 2, 3))).mean()


def step_down(optimizer, schedule, loss: torch.Tensor, parameters: Iterable[nn.Parameter]) -> None:
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()


@contextmanager
def half_precision(device: torch.device):
    """bfloat16 where a GPU computes, float32 elsewhere."""
    # Recorded work must not depend on weights that were cast before.
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False):
        yield


def train_painter(
    portraits: Portraits, recipe: Recipe, random: torch.Generator, seed: int
) -> tuple[StableDiffusionXLPipeline, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A pipeline, and the two parts of its adapter, that learned from the portraits."""
    pipeline = make_pipeline(seed)
    images, _ = on_device(portraits, random.device)
    learn_vae(pipeline.vae, images, recipe, random)
    painter = Painter(pipeline)
    lora = learn_painter(painter, pipeline, make_latents(pipeline.vae, portraits, random), recipe, random)
    return pipeline, published_names(painter.id_encoder), lora


def published_names(encoder: IdEncoder) -> dict[str, torch.Tensor]:
    """The encoder's weights by the names of the published files, whatever transformers calls its vision model."""
    own = encoder.state_dict()
    nested = {key: key.replace("vision_model.", "vision_model.vision_model.", 1) for key in make_encoder_weights()}
    return {key: own[key if key in own else inner] for key, inner in nested.items()}
