"""Sheets of faces and tables of scores, as a notebook shows them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from mirror.faces.rejection_sampling import ShownFace
from pocket.painter.evaluation import make_requests


def sheet(images: Sequence[np.ndarray | Image.Image], columns: int, size: int = 112) -> Image.Image:
    """The pictures in rows, each `size` pixels a side."""
    rows = -(-len(images) // columns)
    paper = Image.new("RGB", (columns * size, rows * size), "white")
    for number, image in enumerate(images):
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture = picture.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
        paper.paste(picture, (number % columns * size, number // columns * size))
    return paper


def pair_with_portraits(faces: Sequence[ShownFace], seed: int) -> list[Image.Image]:
    """The portrait of each turn of the painter's exam, and the face that was shown for it."""
    requests = make_requests(len(faces), seed)
    return [
        image for request, face in zip(requests, faces, strict=True) for image in (request.portraits[0], face.image)
    ]


def table(exam: Any) -> pd.DataFrame:
    """An exam's scores, a row each."""
    rows = [(name, value) for name, value in asdict(exam).items() if not isinstance(value, dict)]
    rows += [
        (f"{name}: {key}", value)
        for name, inner in asdict(exam).items()
        if isinstance(inner, dict)
        for key, value in inner.items()
    ]
    return pd.DataFrame([(name, f"{value:.4g}") for name, value in rows], columns=["what", "score"])
