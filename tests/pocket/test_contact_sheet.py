"""Contact sheets of faces and tables of scores for notebooks."""

import re

import numpy as np
from PIL import Image

from mirror.faces.rejection_sampling import Attempt, ShownFace
from mirror.files.image_file import open_picture
from mirror.transcripts.verdict import Verdict
from pocket.contact_sheet import FACES, cards, committed_faces, pair_with_portraits, sheet, table
from pocket.painter.evaluation import FilterScores, PainterScores, make_requests

COLORS = ("red", "lime", "blue")


def test_pictures_stand_in_rows_and_free_places_are_white():
    red, blue = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    pictures = [np.asarray(red), Image.new("L", (30, 10), 0), blue]
    found = sheet(pictures, columns=2, size=10)
    assert found.size == (20, 20)
    corners = [found.getpixel(place) for place in ((5, 5), (15, 5), (5, 15), (15, 15))]
    assert corners == [(255, 0, 0), (0, 0, 0), (0, 0, 255), (255, 255, 255)]
    assert sheet([], 3, 10).size == (30, 0)


def test_each_face_stands_beside_the_portrait_of_its_turn():
    faces = []
    for color in COLORS:
        attempt = Attempt(1, 0, Image.new("RGB", (8, 8), color), Verdict(outcome="accepted", checks=()))
        faces.append(ShownFace((attempt,), attempt, None))
    found = pair_with_portraits(faces, seed=3)
    assert found[1::2] == [face.image for face in faces]
    assert [one.tobytes() for one in found[::2]] == [one.portraits[0].tobytes() for one in make_requests(3, 3)]


def test_scores_are_a_row_a_metric_and_counts_a_row_a_kind():
    scores = PainterScores(0.9, 0.5, 1.23456, 0.8, 0.7, 0.1, 0.2, {"accepted": 9, "no_face": 1}, 10)
    assert rows(table(scores)) == {
        "turns with an accepted face": "90.0%",
        "turns whose first face was accepted": "50.0%",
        "attempts per turn": "1.235",
        "accepted faces that show the requested expression to an independent classifier": "80.0%",
        "first attempts verified as the person of the portrait": "70.0%",
        "the same against another person's portrait": "10.0%",
        "the same without merging the identity": "20.0%",
        "turns evaluated": "10",
        "attempts with the outcome `accepted`": "9",
        "attempts with the outcome `no_face`": "1",
    }
    assert rows(table(FilterScores(1, 1, 0, 0, 1, 1, 1, 12)))["drawn faces evaluated"] == "12"


def rows(shown):
    cells = re.findall("<td>(.*?)</td>", shown.data)
    return dict(zip(cells[::2], cells[1::2], strict=True))


def test_the_committed_models_are_shown_by_their_cards_and_faces():
    shown = cards().data
    assert [line for line in shown.splitlines() if line.startswith("#")] == [
        "### sdxl-pocket, photomaker-v1-pocket.bin",
        "### clip-pocket",
        "### nsfw-pocket",
    ]
    faces, folders = committed_faces(2), sorted(FACES.iterdir())[:2]
    files = [next(folder.glob(f"turn-{turn}_*.png")) for folder in folders for turn in (0, 2, 4, 6, 8, 10)]
    assert [face.tobytes() for face in faces] == [open_picture(file).tobytes() for file in files]
