"""What a worker of a build answers; with a crew, and in processes of their own, it is in test_crew."""

import pickle

import pytest
from PIL import Image

from mirror.building.pictures.worker import PictureWorker
from mirror.building.settings import BuildSettings
from mirror.faces.description import DescriptionRequest
from mirror.faces.rejection_sampling import FaceRequest
from mirror.prompts import Utterance
from mirror.settings.errors import SettingsError
from tests import ROOT
from tests.painted_dialogues import Verifier
from tests.painting_worker import FastWorker


def settings(check_files=False, **changes):
    given = {"paint_batch": 2, "device": "cpu", "concurrency": 5} | changes
    return BuildSettings.from_file(ROOT / "params/build/pocket.yaml", check_files=check_files, **given)


@pytest.fixture
def worker():
    made = FastWorker(settings())
    assert made.load().facts.keys() == {"describer", "painter", "verifier"}
    return made


def face(turn):
    return FaceRequest("a", turn, "woman", "looks away", f"face {turn}", "joy", (Image.new("RGB", (8, 8)),))


def test_descriptions_are_given_by_place_and_errors_can_be_sent(worker):
    worker.tools.describer.fast.fails.add("two")
    report = worker.describe(
        {5: DescriptionRequest("", Utterance("", "one")), 8: DescriptionRequest("", Utterance("", "two"))}
    )
    report = pickle.loads(pickle.dumps(report))
    assert report.done[5].expression == "face of one" and report.room == 5
    assert isinstance(report.done[8], RuntimeError) and str(report.done[8]) == "no answer to two"


def test_pictures_are_painted_a_batch_at_a_call_and_room_is_what_is_left_of_twice_the_batch(worker):
    worker.tools = worker.tools._replace(verifier=Verifier(accepted=16))
    worker.tools.painter.batch_sizes = (1, 2)
    first = worker.paint({turn: face(turn) for turn in range(4)}, 3, "stop")
    assert first.done == {} and first.room == 0  # one batch is painted, and verified while the next one is
    second = worker.paint({}, 3, "stop")
    assert list(second.done) == [0, 1] and second.room == 2 and second.done[0].picture.startswith(b"\x89PNG")
    third = worker.paint({9: face(9)}, 3, "stop")
    assert list(third.done) == [2, 3] and third.room == 3
    assert list(worker.paint({}, 3, "stop").done) == [9]


def test_a_portrait_that_cannot_be_used_is_reported_at_once(worker):
    worker.tools.painter.check = lambda request: Image.open("no such file")
    assert "the face cannot be painted" in worker.paint({3: face(3)}, 3, "stop").done[3].unusable


def test_files_that_the_machine_lacks_are_named():
    worker = PictureWorker(settings(painter="no/such/folder"))
    with pytest.raises(SettingsError, match="painter: no such folder"):
        worker.load()
