"""Writes what the pocket training set is built from: screenplays, people's portraits, and the held-out clients.

Whose portrait a client of the training set gets is decided by the builder, by gender and age.
"""

import csv
import io
from pathlib import Path

from PIL import Image

from pocket.pictures.portraits import identity_of
from pocket.pictures.snapshots import take_snapshot
from pocket.seeds import stable_seed
from pocket.tables.profiles import SHOWN, write_profiles
from pocket.tables.profiles import make_clients as make_test_clients
from pocket.tables.profiles import portrait_images as test_portraits
from pocket.texts.screenplays import format_table, make_dialogues

FOLDER = Path(__file__).parents[1] / "sources"
SCREENPLAYS = "screenplays.csv"
PORTRAITS = "portraits"
PORTRAIT_TABLE = "portraits.csv"
FAMILY = "portraits of the training set"
SEED = 2  # its people match all clients of the training set by gender and within eight years of age
FIRST, PEOPLE = 100, 60  # numbers of people: above those of the held-out clients, and more than there are clients
COLUMNS = ("file", "person", "gender", "age")


def people_portraits(seed: int = SEED, people: int = PEOPLE) -> dict[str, Image.Image]:
    """Draws the portraits of the training set's people by file name; every fifth person has two."""
    return {
        f"{FIRST + person}-{expression}.png": take_snapshot(
            identity_of(FAMILY, seed, person), expression, stable_seed("portrait", seed, person, expression)
        )
        for person in range(people)
        for expression in (SHOWN if person % 5 == 0 else SHOWN[:1])
    }


def format_portrait_table(seed: int = SEED, people: int = PEOPLE) -> str:
    """Returns the table of all portraits as CSV, those of the held-out clients first.

    Of every fourth person the age is missing, of another fourth the gender too: they are read from the picture.
    """
    rows = [(file, client.idx, client.identity) for client in make_test_clients() for file in test_portraits(client)]
    for file in people_portraits(seed, people):
        number = int(file.split("-")[0])
        rows.append((file, number, identity_of(FAMILY, seed, number - FIRST)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for file, number, identity in rows:
        gender = "" if number % 4 == 3 else identity.gender.capitalize()
        age = "" if number % 4 in (1, 3) else identity.age
        writer.writerow((file, f"{number:03d}", gender, age))
    return text.getvalue()


def write_sources(folder: Path = FOLDER) -> None:
    """Writes the screenplays, the table of held-out clients, all portraits and their table to `folder`."""
    (folder / PORTRAITS).mkdir(parents=True, exist_ok=True)
    (folder / SCREENPLAYS).write_text(format_table(make_dialogues()), encoding="utf-8")
    write_profiles(folder)
    for file, image in people_portraits().items():
        image.save(folder / PORTRAITS / file, optimize=True)
    (folder / PORTRAIT_TABLE).write_text(format_portrait_table(), encoding="utf-8")
