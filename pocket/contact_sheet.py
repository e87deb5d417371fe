"""Contact sheets of faces and tables of scores for notebooks."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from PIL import Image

from mirror.faces.rejection_sampling import ShownFace
from pocket.painter.evaluation import FilterScores, PainterScores, make_requests


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


def table(scores: FilterScores | PainterScores) -> pd.DataFrame:
    """Returns the scores, one row per metric."""
    rows = [(name, value) for name, value in asdict(scores).items() if not isinstance(value, dict)]
    rows += [
        (f"{name}: {key}", value)
        for name, inner in asdict(scores).items()
        if isinstance(inner, dict)
        for key, value in inner.items()
    ]
    return pd.DataFrame([(name, f"{value:.4g}") for name, value in rows], columns=["metric", "score"])
