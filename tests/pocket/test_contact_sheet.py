"""Contact sheets of faces and tables of scores for notebooks."""

import numpy as np
from PIL import Image

from mirror.faces.rejection_sampling import Attempt, ShownFace
from mirror.transcripts.verdict import Verdict
from pocket.contact_sheet import pair_with_portraits, sheet, table
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
    assert dict(table(scores).itertuples(index=False)) == {
        "accepted": "0.9",
        "at_once": "0.5",
        "attempts": "1.235",
        "agreed": "0.8",
        "same": "0.7",
        "swapped": "0.1",
        "unmerged": "0.2",
        "turns": "10",
        "outcomes: accepted": "9",
        "outcomes: no_face": "1",
    }
    assert list(table(FilterScores(1, 1, 0, 0, 1, 1, 1, 12))["metric"])[::7] == ["relevance", "faces"]
