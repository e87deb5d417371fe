"""Contact sheets of faces, tables of scores, and the committed models' cards and faces for notebooks."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from PIL import Image

from mirror.faces.rejection_sampling import ShownFace
from mirror.figures import page
from mirror.files.image_file import open_picture
from mirror.natural_order import natural_key
from pocket.painter.clip import CLIP_FOLDER, SAFETY_FOLDER
from pocket.painter.diffusion import PIPELINE_FOLDER
from pocket.painter.evaluation import FilterScores, PainterScores, make_requests

FACES = Path(__file__).parent / "data" / "images"  # painted by the committed models for the training set
# What the scores are, by name; those in COUNTS are no rates.
LABELS = {
    "relevance": "area under the ROC curve: matching cue against a cue of the contrasting expression",
    "fitting": "faces accepted with a matching cue",
    "contrasting": "faces accepted with a cue of the contrasting expression",
    "other": "faces accepted with a cue of any other expression",
    "safety": "area under the ROC curve: covered (unsafe) pictures against the same uncovered",
    "refused": "unsafe pictures rejected",
    "passed": "safe pictures passed",
    "faces": "drawn faces evaluated",
    "accepted": "turns with an accepted face",
    "at_once": "turns whose first face was accepted",
    "attempts": "attempts per turn",
    "agreed": "accepted faces that show the requested expression to an independent classifier",
    "same": "first attempts verified as the person of the portrait",
    "swapped": "the same against another person's portrait",
    "unmerged": "the same without merging the identity",
    "turns": "turns evaluated",
}
COUNTS = ("relevance", "safety", "faces", "attempts", "turns")


def sheet(images: Sequence[np.ndarray | Image.Image], columns: int, size: int = 112) -> Image.Image:
    """Arranges pictures in a grid of `columns` columns, each scaled to `size` pixels a side."""
    rows = -(-len(images) // columns)
    canvas = Image.new("RGB", (columns * size, rows * size), "white")
    for number, image in enumerate(images):
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture = picture.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
        canvas.paste(picture, (number % columns * size, number // columns * size))
    return canvas


def pair_with_portraits(faces: Sequence[ShownFace], seed: int) -> list[Image.Image]:
    """Returns, alternating, the portrait of each turn of the painter's evaluation and the face shown for it."""
    requests = make_requests(len(faces), seed)
    return [
        image for request, face in zip(requests, faces, strict=True) for image in (request.portraits[0], face.image)
    ]


def committed_faces(people: int, folder: Path = FACES) -> list[Image.Image]:
    """Returns the faces that the committed models painted in the first dialogues, turn by turn."""
    dialogues = sorted(path for path in folder.iterdir() if path.is_dir())[:people]
    files = [file for path in dialogues for file in sorted(path.glob("*.png"), key=lambda file: natural_key(file.name))]
    return [open_picture(file) for file in files]


def cards(folders: Sequence[Path] = (PIPELINE_FOLDER, CLIP_FOLDER, SAFETY_FOLDER)) -> Markdown:
    """Returns the cards of the committed models, their titles two levels lower, as part of a notebook."""
    return Markdown("\n\n".join(f"##{(folder / 'README.md').read_text(encoding='utf-8')}" for folder in folders))


def table(scores: FilterScores | PainterScores) -> HTML:
    """Shows the scores, one row per metric: rates in percent, with what they are rates of."""
    rows = []
    for name, value in asdict(scores).items():
        if isinstance(value, dict):
            rows += [(f"attempts with the outcome `{outcome}`", f"{count:,}") for outcome, count in value.items()]
        else:
            rows.append((LABELS[name], f"{value:.4g}" if name in COUNTS else f"{value:.1%}"))
    return HTML(page.table(pd.DataFrame(rows, columns=["metric", "score"])))
