"""Writes the pocket test table: clients whom no training set knows, with their portrait_images.

Knows nothing of sessions.
"""

import csv
import io
from pathlib import Path

from PIL import Image

from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.seeds import stable_seed
from pocket.texts.clients import Client
from pocket.texts.dataset import COLOURS, FOLDER, IMAGE_SIZE

SEED = 28  # of a family of its own, whose first members are women and men in turn
FIRST, COUNT = 60, 16  # the numbers of the clients: the training set's are lower
TABLE = "test.csv"
PORTRAITS = "test_images"
SHOWN = ("calm", "attentive")  # as a client looks at a camera
COLUMNS = (
    "idx",
    "name",
    "personal_info",
    "personality",
    "distorted_thought",
    "reason_for_seeking_counseling",
    "img_path",
    "dominant_gender",
)


def make_clients(seed: int = SEED, count: int = COUNT) -> list[Client]:
    """Other persons than those of the training set, under numbers that it does not use."""
    return [Client.from_seed(seed, idx) for idx in range(FIRST, FIRST + count)]


def portrait_images(client: Client, seed: int = SEED) -> dict[str, Image.Image]:
    """The client's pictures by file; every fifth client has two, as several portrait_images are allowed."""
    shown = SHOWN if client.idx % 5 == 0 else SHOWN[:1]
    return {f"{client.idx:03d}-{expression}.png": _portrait(client, expression, seed) for expression in shown}


def _portrait(client: Client, expression: str, seed: int) -> Image.Image:
    moment = stable_seed("test portrait", seed, client.idx, expression)
    return draw(client.identity, EXPRESSIONS[expression], moment, IMAGE_SIZE).quantize(COLOURS, dither=0)


def format_table(clients: list[Client]) -> str:
    """The table as CSV, in the published columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for client in clients:
        writer.writerow(
            {
                "idx": client.idx,
                "name": client.name,
                "personal_info": client.personal_information,
                "personality": f"{client.resistance.removesuffix(' Resistance')} Resistance",
                "distorted_thought": client.distorted_thought,
                "reason_for_seeking_counseling": client.reason_for_counseling,
                "img_path": ";".join(portrait_images(client)),
                "dominant_gender": client.gender.capitalize(),
            }
        )
    return text.getvalue()


def write_profiles(folder: Path = FOLDER) -> None:
    """Writes the table `test.csv`, and the portrait_images that it names to `test_images/`, under `folder`."""
    clients = make_clients()
    (folder / PORTRAITS).mkdir(parents=True, exist_ok=True)
    for client in clients:
        for file, image in portrait_images(client).items():
            image.save(folder / PORTRAITS / file, optimize=True)
    (folder / TABLE).write_text(format_table(clients), encoding="utf-8")
