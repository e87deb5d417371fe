"""Distils the pocket painter, writes its LoRA in the published format, and evaluates it beside the default painter."""

from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline

from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.files.atomic import write_text
from pocket.optimize import seeded_generator
from pocket.painter import pack as painterpack
from pocket.painter.clip import MODELS
from pocket.painter.diffusion import ADAPTER_FILE, IMAGE_SIZE, PIPELINE_FOLDER, SEED
from pocket.painter.distilled.card import distilled_card
from pocket.painter.distilled.distillation import FULL, DistillationSchedule, distil_painter
from pocket.painter.distilled.evaluation import evaluate_distilled

DISTILLED_FILE = MODELS / "sdxl-pocket-fast-lora.safetensors"
CARD_FILE = DISTILLED_FILE.with_suffix(".md")
TURNS = 200  # of the card's evaluation
EXAM_SEED = 5  # of its people
READER = (80, 150)  # people and batches of its classifier of expressions


def write_distilled(
    schedule: DistillationSchedule = FULL, seed: int = SEED, device: str = "", file: Path = DISTILLED_FILE
) -> Path:
    """Distils the pocket painter and writes the LoRA in diffusers' format, in float16.

    Args:
        schedule: How much is painted and trained.
        seed: Seed of people, paths and batches.
        device: `cpu` or `cuda`; empty: a GPU where there is one.
        file: What to write.

    Returns:
        The file.
    """
    random = seeded_generator("distillation", seed, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    lora = distil_painter(painterpack.load_painter(), schedule, random, seed)
    half = {name: weight.detach().half().cpu().contiguous() for name, weight in lora.items()}
    StableDiffusionXLPipeline.save_lora_weights(file.parent, unet_lora_layers=half, weight_name=file.name)
    file.chmod(0o644)
    return file


def fast_recipe(steps: int = FULL.steps) -> PaintRecipe:
    """Returns the recipe of few steps: DDIM from pure noise, the identity merged from the start, no guidance."""
    return PaintRecipe(
        steps=steps, guidance_scale=0.0, merge_at=0.0, spacing="trailing", size=IMAGE_SIZE,
        output_size=painterpack.PAINTING.output_size,
    )  # fmt: skip


def load_distilled(file: str = str(DISTILLED_FILE), steps: int = FULL.steps) -> PhotoMaker:
    """Loads the pocket painter with the LoRA in `file`, or without one if it is empty, to paint in few steps."""
    return PhotoMaker.load(str(PIPELINE_FOLDER), str(ADAPTER_FILE), fast_recipe(steps), distilled=file)


def write_card(turns: int = TURNS, seed: int = EXAM_SEED, file: Path = CARD_FILE) -> Path:
    """Evaluates the committed LoRA beside the painter it was distilled from, and writes its model card."""
    painters = {
        "default": painterpack.load_painter(),
        "distilled": load_distilled(),
        "same steps, not distilled": load_distilled(""),
    }
    reader = painterpack.make_reader(*READER, seed)
    scores = evaluate_distilled(painters, painterpack.load_verifier(), reader, turns, seed)
    write_text(file, distilled_card(DISTILLED_FILE, FULL, SEED, scores))
    return file
