"""Writes the table of the held-out pocket clients, with their portraits."""

import csv
import io
from pathlib import Path

from PIL import Image

from pocket.pictures.snapshots import take_snapshot
from pocket.seeds import stable_seed
from pocket.texts.clients import Client

SEED = 28  # its first clients alternate between women and men
FIRST, COUNT = 60, 16  # client numbers: above those of the training set
TABLE = "test_clients.csv"
PORTRAITS = "portraits"
SHOWN = ("calm", "attentive")  # expressions of portraits
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
    """Returns held-out clients, under numbers that the training set does not use."""
    return [Client.from_seed(seed, idx) for idx in range(FIRST, FIRST + count)]


def portrait_images(client: Client, seed: int = SEED) -> dict[str, Image.Image]:
    """Draws the client's portraits by file name; every fifth client has two, since several are allowed."""
    shown = SHOWN if client.idx % 5 == 0 else SHOWN[:1]
    return {
        f"{client.idx:03d}-{expression}.png": take_snapshot(
            client.identity, expression, stable_seed("test portrait", seed, client.idx, expression)
        )
        for expression in shown
    }


def format_table(clients: list[Client]) -> str:
    """Returns the table as CSV with the published columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for client in clients:
        writer.writerow(
            {
                "idx": client.idx,
                "name": client.name,
                "personal_info": client.personal_information,
                "personality": client.personality,
                "distorted_thought": client.distorted_thought,
                "reason_for_seeking_counseling": client.reason_for_counseling,
                "img_path": ";".join(portrait_images(client)),
                "dominant_gender": client.gender.capitalize(),
            }
        )
    return text.getvalue()


def write_profiles(folder: Path) -> None:
    """Writes the table `test_clients.csv` and its portraits, in `portraits/`, to `folder`."""
    clients = make_clients()
    (folder / PORTRAITS).mkdir(parents=True, exist_ok=True)
    for client in clients:
        for file, image in portrait_images(client).items():
            image.save(folder / PORTRAITS / file, optimize=True)
    (folder / TABLE).write_text(format_table(clients), encoding="utf-8")
