"""Trains painter and filters on drawn faces, writes their folders and evaluates them."""

from dataclasses import dataclass
from pathlib import Path

from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.rejection_sampling import ShownFace
from mirror.faces.verification import LocalVerifier
from mirror.provenance import commit
from pocket.facepack.pack import FOLDER as FACES_FOLDER
from pocket.optimize import seeded_generator
from pocket.painter import cards as paintercards
from pocket.painter.clip import CLIP_FOLDER, MODELS, SAFETY_FOLDER, make_classifier, make_clip
from pocket.painter.diffusion import ADAPTER_FILE, IMAGE_SIZE, PIPELINE_FOLDER, SEED, save_painter
from pocket.painter.evaluation import SIZE, FilterScores, PainterScores, evaluate_filters, evaluate_painter
from pocket.painter.filters import save_classifier, save_clip, train_classifier, train_clip
from pocket.painter.reader import Reader, train_reader
from pocket.painter.training import PainterSchedule, train_painter
from pocket.pictures.portraits import Portraits, draw_portraits

FAMILY = "painter"  # people to train on; the evaluations have their own
PAINTING = PaintRecipe(steps=6, guidance_scale=1.5, merge_step=0, size=IMAGE_SIZE, output_size=SIZE)


@dataclass(frozen=True)
class PainterBudget:
    """How much is drawn, trained and evaluated; one step is one batch."""

    persons: int
    moments: int
    clip_steps: int
    safety_steps: int
    schedule: PainterSchedule
    evaluation_persons: int
    evaluation_turns: int
    reader_persons: int
    reader_steps: int


# 14 minutes on one H100.
FULL = PainterBudget(4000, 6, 4000, 500, PainterSchedule(1500, 64, 1500, 6000, 512, 1e-3), 60, 240, 300, 700)
# A minute on two cores: only shows that everything runs.
SMALL = PainterBudget(12, 4, 4, 4, PainterSchedule(4, 8, 2, 3, 8, 1e-3), 2, 2, 4, 4)


def draw_training_faces(budget: PainterBudget, seed: int = SEED) -> Portraits:
    """Draws the faces that painter and filters are trained on."""
    return draw_portraits(FAMILY, budget.persons, budget.moments, IMAGE_SIZE, seed)


def write_filters(
    faces: Portraits, budget: PainterBudget, seed: int = SEED, device: str = "cpu", models: Path = MODELS
) -> None:
    """Trains and writes CLIP and the safety classifier."""
    random = seeded_generator("clip", seed, device)
    clip = make_clip(seed)
    threshold = train_clip(clip, faces, budget.clip_steps, random)
    save_clip(clip, threshold, models / CLIP_FOLDER.name)
    random = seeded_generator("safety", seed, device)
    classifier = make_classifier(seed)
    train_classifier(classifier, faces, budget.safety_steps, random)
    save_classifier(classifier, models / SAFETY_FOLDER.name)


def write_painter(
    faces: Portraits, budget: PainterBudget, seed: int = SEED, device: str = "cpu", models: Path = MODELS
) -> None:
    """Trains and writes the SDXL pipeline and its PhotoMaker adapter."""
    made = train_painter(faces, budget.schedule, seeded_generator("painter", seed, device), seed)
    save_painter(*made, models / PIPELINE_FOLDER.name, models / ADAPTER_FILE.name)


def load_verifier(models: Path = MODELS, device: str = "cpu") -> LocalVerifier:
    """Loads the filters in `models`, with the committed face pack."""
    names = (models / SAFETY_FOLDER.name, models / CLIP_FOLDER.name, FACES_FOLDER)
    return LocalVerifier.load(*map(str, names), device=device)


def load_painter(models: Path = MODELS, device: str = "cpu", recipe: PaintRecipe = PAINTING) -> PhotoMaker:
    """Loads the painter in `models`."""
    folder, adapter = models / PIPELINE_FOLDER.name, models / ADAPTER_FILE.name
    return PhotoMaker.load(str(folder), str(adapter), recipe, device=device, batch_size=48)


def evaluate_filters_in(models: Path, budget: PainterBudget, seed: int = SEED, device: str = "cpu") -> FilterScores:
    """Evaluates the filters in `models` on held-out people."""
    return evaluate_filters(load_verifier(models, device), budget.evaluation_persons, seed)


def evaluate_painter_in(
    models: Path, budget: PainterBudget, seed: int = SEED, device: str = "cpu"
) -> tuple[PainterScores, list[ShownFace]]:
    """Evaluates the painter in `models` on held-out people; returns the scores and the faces shown."""
    reader = make_reader(budget.reader_persons, budget.reader_steps, seed, device)
    return evaluate_painter(
        load_painter(models, device), load_verifier(models, device), reader, budget.evaluation_turns, seed
    )


def make_reader(persons: int, steps: int, seed: int, device: str = "cpu") -> Reader:
    """Trains the evaluation's classifier of expressions, on people of its own."""
    return train_reader(
        draw_portraits("reader", persons, 4, SIZE, seed), steps, seeded_generator("reader", seed, device)
    )


def write_cards(models: Path, budget: PainterBudget, seed: int, filters: FilterScores, painter: PainterScores) -> None:
    """Writes the model cards of what was trained with `budget` and `seed`."""
    schedule = budget.schedule
    code = commit()
    parameters = " -f params/pocket/full.yaml" if budget == FULL else ""
    lines = [
        f"Trained by `papermill notebooks/pocket.ipynb results/pocket-models.ipynb{parameters}`:",
        "",
        f"- code: commit `{code['commit'] or 'unknown'}`{', with changes' if code['changed'] else ''}; seed {seed}",
        f"- data: {budget.persons:,} drawn people with {budget.moments} expressions each, no photographs",
        f"- CLIP: {budget.clip_steps:,} batches; classifier of unsafe pictures: {budget.safety_steps:,}",
        f"- autoencoder: {schedule.vae_steps:,} batches of {schedule.vae_batch}; identity encoder alone: "
        f"{schedule.identity_steps:,} of {schedule.batch}; text encoders, denoiser and identity encoder together: "
        f"{schedule.steps:,} of {schedule.batch}",
        "",
    ]
    made_by = "\n".join(lines)
    paintercards.write_cards(models, made_by, filters, painter)
