"""What came of a line, from what a search gives, in a form that can be sent."""

import pickle

import pytest
from PIL import Image

from mirror.building.pictures.journal import PaintedRecord
from mirror.building.pictures.painted import Painted
from mirror.faces.rejection_sampling import Attempt, FaceError, FacesExhausted, PortraitUnusable, ShownFace
from mirror.files.image_file import png
from mirror.transcripts.verdict import Verdict

FACE = Image.new("RGB", (8, 8), "tan")
ACCEPTED, REJECTED = (Verdict(outcome=outcome) for outcome in ("accepted", "irrelevant"))


def attempts(*verdicts):
    return [Attempt(number, 7, FACE, verdict) for number, verdict in enumerate(verdicts, 1)]


def records(*verdicts):
    return tuple(PaintedRecord(number=number, seed=7, verdict=verdict) for number, verdict in enumerate(verdicts, 1))


@pytest.mark.parametrize("last", [ACCEPTED, REJECTED])
def test_a_face_that_is_shown_is_a_file_and_may_be_the_best_of_rejected_ones(last):
    made = attempts(REJECTED, last)
    found = Painted.of(ShownFace(tuple(made), made[-1], request=None))
    assert found == Painted(records(REJECTED, last), 2, exhausted=last is REJECTED, picture=png(FACE))


def test_what_is_no_face_says_why():
    made = attempts(REJECTED)
    assert Painted.of(FacesExhausted("none", made)) == Painted(records(REJECTED), exhausted=True)
    assert Painted.of(PortraitUnusable("two faces", [])) == Painted((), unusable="two faces")
    assert Painted.of(FaceError("the filter is down", made)) == Painted(records(REJECTED), fault="the filter is down")


def test_it_can_be_sent():
    found = Painted.of(FaceError("the filter is down", attempts(REJECTED)))
    assert pickle.loads(pickle.dumps(found)) == found


def test_only_the_pixels_determine_a_picture():
    other = FACE.copy()
    other.info["icc_profile"] = b"profile"
    one, two = (Attempt(1, 7, image, ACCEPTED) for image in (FACE, other))
    shown = [Painted.of(ShownFace((attempt,), attempt, request=None)) for attempt in (one, two)]
    assert shown[0].picture == shown[1].picture
