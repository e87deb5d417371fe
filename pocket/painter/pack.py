"""Trains painter and filters on one album of drawn faces, writes their folders, and measures them.

Knows nothing of the networks' inside.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from mirror.faces.photomaker import PaintRecipe, PhotoMaker
from mirror.faces.rejection_sampling import ShownFace
from mirror.faces.verification import LocalVerifier
from mirror.provenance import commit
from pocket.facepack.pack import FOLDER as FACES_FOLDER
from pocket.painter import cards as paintercards
from pocket.painter.clip import CLIP_FOLDER, MODELS, SAFETY_FOLDER, make_classifier, make_clip
from pocket.painter.diffusion import ADAPTER_FILE, IMAGE_SIZE, PIPELINE_FOLDER, SEED, save_painter
from pocket.painter.evaluation import SIZE, FilterScores, PainterScores, evaluate_filters, evaluate_painter
from pocket.painter.filters import train_classifier, train_clip, save_classifier, save_clip
from pocket.painter.reader import Reader, train_reader
from pocket.painter.training import PainterSchedule, train_painter
from pocket.pictures.portraits import Portraits, draw_portraits
from pocket.seeds import stable_seed

FAMILY = "painter"  # of people; the exams' are others
PAINTING = PaintRecipe(steps=6, guidance_scale=1.5, merge_step=0, size=IMAGE_SIZE, output_size=SIZE)


@dataclass(frozen=True)
class PainterBudget:
    """How much is drawn, learned and measured; steps are batches."""

    persons: int
    moments: int
    clip_steps: int
    safety_steps: int
    schedule: PainterSchedule
    evaluation_persons: int
    evaluation_turns: int
    reader_persons: int
    reader_steps: int


FULL = PainterBudget(4000, 6, 4000, 500, PainterSchedule(1500, 64, 1500, 6000, 512, 1e-3), 60, 240, 300, 700)  # 14 minutes on one H100
SMALL = PainterBudget(24, 4, 12, 8, PainterSchedule(6, 8, 4, 6, 12, 1e-3), 3, 4, 6, 8)  # a minute on two cores: that it runs, no more


def draw_training_faces(budget: PainterBudget, seed: int = SEED) -> Portraits:
    """The faces that everything learns from."""
    return draw_portraits(FAMILY, budget.persons, budget.moments, IMAGE_SIZE, seed)


def seeded_generator(purpose: str, seed: int, device: str) -> torch.Generator:
    """A generator for one network, whose first weights (torch's own stream) are seeded_generator with it."""
    torch.manual_seed(stable_seed(purpose, seed))
    return torch.Generator(device).manual_seed(stable_seed(purpose, seed))


def write_filters(album: Portraits, budget: PainterBudget, seed: int = SEED, device: str = "cpu", models: Path = MODELS) -> None:
    """Trains and writes CLIP and the safety classifier."""
    random = seeded_generator("clip", seed, device)
    clip = make_clip(seed)
    threshold = train_clip(clip, album, budget.clip_steps, random)
    save_clip(clip, threshold, models / CLIP_FOLDER.name)
    random = seeded_generator("safety", seed, device)
    classifier = make_classifier(seed)
    train_classifier(classifier, album, budget.safety_steps, random)
    save_classifier(classifier, models / SAFETY_FOLDER.name)


def write_painter(album: Portraits, budget: PainterBudget, seed: int = SEED, device: str = "cpu", models: Path = MODELS) -> None:
    """Trains and writes the SDXL pipeline and its PhotoMaker adapter."""
    made = train_painter(album, budget.recipe, seeded_generator("painter", seed, device), seed)
    save_painter(*made, models / PIPELINE_FOLDER.name, models / ADAPTER_FILE.name)


def load_verifier(models: Path = MODELS, device: str = "cpu") -> LocalVerifier:
    """The filters in `models`, with the committed insightface pack."""
    names = (models / SAFETY_FOLDER.name, models / CLIP_FOLDER.name, FACES_FOLDER)
    return LocalVerifier.load(*map(str, names), device=device)


def load_painter(models: Path = MODELS, device: str = "cpu", schedule: PaintRecipe = PAINTING) -> PhotoMaker:
    """The painter in `models`."""
    folder, adapter = models / PIPELINE_FOLDER.name, models / ADAPTER_FILE.name
    return PhotoMaker.load(str(folder), str(adapter), schedule, device=device, batch_size=48)


def evaluate_filters_in(models: Path, budget: PainterBudget, seed: int = SEED, device: str = "cpu") -> FilterScores:
    """What the filters in `models` score on people whom they have not seen."""
    return evaluate_filters(load_verifier(models, device), budget.evaluation_persons, seed)


def evaluate_painter_in(
    models: Path, budget: PainterBudget, seed: int = SEED, device: str = "cpu"
) -> tuple[PainterScores, list[ShownFace]]:
    """What the painter in `models` scores on people whom it has not seen, and the faces that were shown."""
    reader = make_reader(budget.reader_persons, budget.reader_steps, seed, device)
    return evaluate_painter(load_painter(models, device), load_verifier(models, device), reader, budget.evaluation_turns, seed)


def make_reader(persons: int, steps: int, seed: int, device: str = "cpu") -> Reader:
    """The exam's judge of expressions, which learns from drawings of people of its own."""
    return train_reader(draw_portraits("reader", persons, 4, SIZE, seed), steps, seeded_generator("reader", seed, device))


def write_cards(models: Path, budget: PainterBudget, seed: int, filters: FilterScores, painter: PainterScores) -> None:
    """Writes the model cards of what was trained with this budget and seed."""
    schedule = budget.recipe
    code = commit()
    parameters = " -f params/pocket/full.yaml" if budget == FULL else ""
    lines = [
        f"Made by `papermill notebooks/pocket.ipynb results/pocket-models.ipynb{parameters}`:",
        "",
        f"- code: commit `{code['commit'] or 'unknown'}`{', with changes' if code['changed'] else ''}; seed {seed}",
        f"- data: {budget.persons:,} drawn people with {budget.moments} expressions each, no photographs",
        f"- CLIP: {budget.clip_steps:,} batches; classifier of unsafe pictures: {budget.safety_steps:,}",
        f"- autoencoder: {schedule.vae_steps:,} batches of {schedule.vae_batch}; identity encoder alone: "
        f"{schedule.identity_steps:,} of {schedule.batch}; all that denoises: {schedule.steps:,} of {schedule.batch}",
        "",
    ]
    made_by = "\n".join(lines)
    paintercards.write_cards(models, made_by, filters, painter)
