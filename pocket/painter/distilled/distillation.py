"""Distils the pocket painter into one that paints in a few steps without guidance: a LoRA in diffusers' format.

Progressive distillation (arXiv 2202.00512) in one round, on the student's own path: from the same noise, the student's
few steps must lead where the teacher's many guided steps lead, and pass where they pass. All its steps are trained
together, through one another, so that a later step corrects what an earlier one leaves. The teacher needs no pictures:
portraits and prompts suffice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict
from tqdm import tqdm
from transformers import CLIPImageProcessorPil

from mirror.faces.photomaker.painter import PhotoMaker
from pocket.drawing.expressions import EXPRESSIONS
from pocket.optimize import half_precision, train
from pocket.painter.diffusion import IMAGE_SIZE, PORTRAIT_SIZE, SEED
from pocket.painter.filters import augment, image_tensors, normalize
from pocket.painter.prompts import NEGATIVE, Prompts, read_prompts
from pocket.painter.training import PERSON_SHARE, update_ema
from pocket.pictures.portraits import Portraits, draw_portraits

FAMILY = "distillation"  # people whose portraits it is trained on; the evaluations have their own
PORTRAITS = 2  # of each person
TEXT_SHARE = 0.1  # share of paths whose teacher never merges an identity
PART = 512  # paths that the teacher walks at once
# The layers of the LoRA: all of the denoiser's transformers, residual blocks and samplers, as in LCM-LoRA.
LAYERS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2",
    "conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj",
)  # fmt: skip


@dataclass(frozen=True)
class DistillationSchedule:
    """How a painter is distilled.

    Attributes:
        people: People whose portraits the teacher paints from.
        paths: Paths of the teacher that the student is trained on.
        steps: Steps in which the student paints.
        batches: Batches of its training.
        batch: Paths per batch.
        learning_rate: The peak learning rate.
        rank: Rank of the LoRA.
    """

    people: int
    paths: int
    steps: int
    batches: int
    batch: int
    learning_rate: float
    rank: int


# About three minutes on one H100.
FULL = DistillationSchedule(people=2500, paths=40_960, steps=2, batches=451, batch=128, learning_rate=1e-3, rank=8)
# Seconds on one core: only shows that everything runs.
SMALL = DistillationSchedule(people=4, paths=8, steps=2, batches=2, batch=4, learning_rate=1e-3, rank=2)


@dataclass(frozen=True)
class Conditions:
    """What the paths of a training can be conditioned on, encoded.

    Attributes:
        prompts: The prompts; their rows are those of `words` and `pooled`.
        words: [r, 77, d] hidden states of the prompts without an identity.
        pooled: [r, e] pooled embeddings of the prompts.
        identities: [p, d] identity embeddings of the portraits.
        men: [p] bool, of the portraits.
    """

    prompts: Prompts
    words: torch.Tensor
    pooled: torch.Tensor
    identities: torch.Tensor
    men: torch.Tensor


@dataclass(frozen=True)
class Paths:
    """`n` paths of the teacher from noise to a picture.

    Attributes:
        noise: [n, 4, s, s] where they begin.
        states: [n, t, 4, s, s] where they are after each of the teacher's t steps.
        rows: [n] rows of the prompts.
        people: [n] indices of the portraits; -1 for text alone.
    """

    noise: torch.Tensor
    states: torch.Tensor
    rows: torch.Tensor
    people: torch.Tensor


Velocity = Callable[[int, torch.Tensor, torch.Tensor], torch.Tensor]


@torch.no_grad()
def encode_conditions(painter: PhotoMaker, faces: Portraits, random: torch.Generator) -> Conditions:
    """Encodes all training prompts and the portraits of `faces`, with the models of `painter` on the device."""
    device, pipeline = random.device, painter.pipeline
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), device)
    words, pooled = [], []
    for ids in zip(*(rows.split(PART) for rows in prompts.ids), strict=True):
        encoders = zip((pipeline.text_encoder, pipeline.text_encoder_2), ids, strict=True)
        outputs = [encoder(part, output_hidden_states=True) for encoder, part in encoders]
        words.append(torch.cat([output.hidden_states[-2] for output in outputs], -1))
        pooled.append(outputs[1].text_embeds)
    images, _ = image_tensors(faces, device)
    processor = CLIPImageProcessorPil()
    pixels = [normalize(augment(part.float(), PORTRAIT_SIZE, random), processor) for part in images.split(PART)]
    identities = torch.cat([painter.id_encoder(part)[:, 0] for part in pixels])
    men = torch.from_numpy(faces.men).to(device)
    return Conditions(prompts, torch.cat(words), torch.cat(pooled), identities, men)


class Guide:
    """Predicts velocities by a denoiser under `Conditions`, and walks the paths of teacher and student."""

    def __init__(self, painter: PhotoMaker, conditions: Conditions) -> None:
        """Takes denoiser, scheduler and the fusion of identities from `painter`."""
        self.unet: UNet2DConditionModel = painter.pipeline.unet
        self.fuse = painter.id_encoder.fuse_module
        self.scheduler = DDIMScheduler.from_config(painter.pipeline.scheduler.config, timestep_spacing="trailing")
        self.recipe, self.known = painter.recipe, conditions
        sizes = [[IMAGE_SIZE, IMAGE_SIZE, 0, 0, IMAGE_SIZE, IMAGE_SIZE]]
        self.sizes = torch.tensor(sizes, device=conditions.words.device)

    def velocity(self, noisy: torch.Tensor, time: torch.Tensor, words: torch.Tensor, rows: torch.Tensor):
        """Predicts the velocity of latents [n, 4, s, s] at a time, given hidden states and rows of the prompts."""
        added = {"text_embeds": self.known.pooled[rows], "time_ids": self.sizes.expand(len(noisy), -1)}
        with half_precision(noisy.device):
            return self.unet(noisy, time.to(noisy.device), words, added_cond_kwargs=added).sample.float()

    @torch.no_grad()
    def merged(self, rows: torch.Tensor, people: torch.Tensor) -> torch.Tensor:
        """Returns the hidden states [n, 77, d] of prompts with the identities of `people`, none where it is -1."""
        words, start = self.known.words[rows].clone(), self.known.prompts.start
        fused = self.fuse(words[:, start], self.known.identities[people.clamp(min=0)]).to(words.dtype)
        words[:, start] = torch.where((people >= 0)[:, None], fused, words[:, start])
        return words

    def walk(self, steps: int, noise: torch.Tensor, velocity: Velocity) -> list[torch.Tensor]:
        """Walks from noise to pictures; `velocity` gets number, time and latents. Returns the latents by step."""
        self.scheduler.set_timesteps(steps)
        states = [noise]
        for number, time in enumerate(self.scheduler.timesteps):
            predicted = velocity(number, time, states[-1])
            states.append(self.scheduler.step(predicted, time, states[-1]).prev_sample)
        return states[1:]

    @torch.no_grad()
    def teach(self, noise: torch.Tensor, rows: torch.Tensor, refused: torch.Tensor, people: torch.Tensor):
        """Walks the teacher's way, by the recipe of the painter; returns [n, t, 4, s, s]."""
        text, negative, person = self.known.words[rows], self.known.words[refused], self.merged(rows, people)
        scale, both = self.recipe.guidance_scale, torch.cat([refused, rows])

        def velocity(number: int, time: torch.Tensor, noisy: torch.Tensor) -> torch.Tensor:
            words = torch.cat([negative, person if number > self.recipe.merge_step else text])
            against, toward = self.velocity(torch.cat([noisy, noisy]), time, words, both).chunk(2)
            return against + scale * (toward - against)

        return torch.stack(self.walk(self.recipe.steps, noise, velocity), 1)

    def follow(self, steps: int, noise: torch.Tensor, rows: torch.Tensor, people: torch.Tensor) -> list[torch.Tensor]:
        """Walks the student's way: the identity merged from the start, and no guidance; returns the latents by step."""
        words = self.merged(rows, people)
        return self.walk(steps, noise, lambda _number, time, noisy: self.velocity(noisy, time, words, rows))


def draw_paths(guide: Guide, count: int, random: torch.Generator) -> Paths:
    """Lets the teacher paint `count` pictures of random people, expressions and noises."""
    known, device = guide.known, random.device
    names = list(EXPRESSIONS)
    opposed = torch.tensor([names.index(EXPRESSIONS[name].contrast) for name in names], device=device)
    side, parts = guide.unet.config.sample_size, []
    for first in tqdm(range(0, count, PART), desc="paths", unit="batch", mininterval=5):
        n = min(PART, count - first)
        people = torch.randint(len(known.men), (n,), generator=random, device=device)
        shown = torch.randint(len(names), (n,), generator=random, device=device)
        unspecified = torch.rand(n, generator=random, device=device) < PERSON_SHARE
        kinds = torch.where(unspecified, 2, torch.where(known.men[people], 0, 1))
        rows = known.prompts.pick(shown, kinds, random)
        refused = known.prompts.pick(opposed[shown], torch.full_like(shown, NEGATIVE), random)
        alone = torch.rand(n, generator=random, device=device) < TEXT_SHARE
        people = torch.where(alone, -1, people)
        noise = torch.randn(n, guide.unet.config.in_channels, side, side, generator=random, device=device)
        states = guide.teach(noise, rows, refused, people)
        parts.append((noise.half(), states.half(), rows, people))
    return Paths(*map(torch.cat, zip(*parts, strict=True)))


def path_error(guide: Guide, paths: Paths, pick: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Measures how far the student is from the teacher on the picked paths.

    Returns:
        The mean squared distance of the latents: summed over the places where both are after one of their steps, and
        at the end alone.
    """
    own = guide.follow(steps, paths.noise[pick].float(), paths.rows[pick], paths.people[pick])
    teacher = paths.states[pick].float()
    errors = [(own[a - 1] - teacher[:, b - 1]).square().mean() for a, b in common_halts(steps, teacher.shape[1])]
    return torch.stack(errors).sum(), errors[-1]


def common_halts(steps: int, others: int) -> list[tuple[int, int]]:
    """Returns the places where ways of `steps` and of `others` steps both halt, as numbers of steps taken by each."""
    return [(step, step * others // steps) for step in range(1, steps + 1) if step * others % steps == 0]


def add_lora(unet: UNet2DConditionModel, rank: int) -> list[torch.nn.Parameter]:
    """Freezes `unet` and puts an untrained LoRA over it; returns the LoRA's weights."""
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(LAYERS)))
    return [parameter for parameter in unet.parameters() if parameter.requires_grad]


def train_student(
    guide: Guide,
    learned: Sequence[torch.nn.Parameter],
    paths: Paths,
    schedule: DistillationSchedule,
    random: torch.Generator,
) -> None:
    """Trains weights of the guide's denoiser to follow the paths, and sets them to their moving average."""
    ema = [parameter.detach().clone() for parameter in learned]

    def loss(step: int) -> torch.Tensor:
        update_ema(ema, learned, step)
        pick = torch.randint(len(paths.rows), (schedule.batch,), generator=random, device=random.device)
        return path_error(guide, paths, pick, schedule.steps)[0]

    train(learned, loss, schedule.batches, schedule.learning_rate, f"painter of {schedule.steps} steps")
    update_ema(ema, learned, schedule.batches)
    with torch.no_grad():
        torch._foreach_copy_(learned, ema)


def distil_painter(
    painter: PhotoMaker, schedule: DistillationSchedule, random: torch.Generator, seed: int = SEED
) -> dict[str, torch.Tensor]:
    """Distils a painter.

    Args:
        painter: The teacher, with the recipe by which it paints. Its denoiser becomes the student's.
        schedule: How much is painted and trained.
        random: Source of the draws; its device trains.
        seed: Seed of the people.

    Returns:
        The weights of a LoRA for the painter's base model, by diffusers' names.
    """
    for part in (painter.pipeline, painter.id_encoder):
        part.to(random.device)
    painter.id_encoder.requires_grad_(False)
    faces = draw_portraits(FAMILY, schedule.people, PORTRAITS, IMAGE_SIZE, seed)
    guide = Guide(painter, encode_conditions(painter, faces, random))
    paths = draw_paths(guide, schedule.paths, random)
    train_student(guide, add_lora(guide.unet, schedule.rank), paths, schedule, random)
    return get_peft_model_state_dict(guide.unet)
