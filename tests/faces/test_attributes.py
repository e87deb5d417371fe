"""Gender and age of faces by the pocket pack, and the verifier that compares them."""

import shutil

import numpy as np
import pytest
from PIL import Image

from mirror.faces.attributes import AttributeVerifier, FaceAttributes
from mirror.faces.rejection_sampling import Attempt, closeness
from mirror.faces.verification import VerificationError, VerificationRequest
from mirror.files.image_file import PictureError
from mirror.paths import input_path
from mirror.services.service import ServiceError
from mirror.transcripts.verdict import Check, Verdict
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.pictures.portraits import draw_portraits, identity_of

PACK = "pocket/models/faces-pocket"
FAMILY, SEED, SIZE = "attributes of faces", 3, 160


@pytest.fixture(scope="module")
def attributes():
    return FaceAttributes.load(PACK, "cpu")


@pytest.fixture(scope="module")
def people():
    return draw_portraits(FAMILY, 12, 2, SIZE, SEED)


def face(person, expression="attentive", seed=0):
    return draw(identity_of(FAMILY, SEED, person), EXPRESSIONS[expression], seed, SIZE)


def person_of(people, man):
    return int(people.persons[people.men == man][0])


def empty():
    return Image.new("RGB", (SIZE, SIZE), (180, 190, 200))


def two_faces():
    picture = Image.new("RGB", (2 * SIZE, SIZE), (180, 190, 200))
    for place in range(2):
        picture.paste(face(place), (place * SIZE, 0))
    return picture


class Accepting:
    """An inner verifier whose answers are given."""

    def __init__(self, *answers):
        self.answers = answers or (Verdict(outcome="accepted", checks=(SAFE,)),)

    def verify(self, requests):
        return self.answers

    def facts(self):
        return {"safety": "none"}


SAFE = Check(name="safe", passed=True, score=0.1, threshold=0.5, model="nsfw")


def verdict_of(attributes, image, portrait, same_gender=True, age_gap=None):
    verifier = AttributeVerifier(Accepting(), attributes, same_gender, age_gap)
    (verdict,) = verifier.verify([VerificationRequest(image, portrait, "")])
    return verdict


def test_gender_and_age_are_those_of_the_drawn_person(attributes, people):
    read = [attributes.read(Image.fromarray(image)) for image in people.images]
    assert all(len(faces) == 1 for faces in read)
    right = [faces[0].gender == ("man" if man else "woman") for faces, man in zip(read, people.men, strict=True)]
    assert np.mean(right) >= 0.95
    errors = [abs(faces[0].age - age) for faces, age in zip(read, people.ages, strict=True)]
    assert np.mean(errors) < 15
    overlap = [np.abs(np.subtract(f[0].box, box)).max() for f, box in zip(read, people.boxes, strict=True)]
    assert np.median(overlap) < 0.1 * SIZE


def test_every_face_of_a_picture_is_read(attributes):
    assert len(attributes.read(two_faces())) == 2 and attributes.read(empty()) == []


def test_a_face_of_another_gender_is_rejected_and_not_compared_by_age(attributes, people):
    man, woman = person_of(people, True), person_of(people, False)
    verdict = verdict_of(attributes, face(man), face(woman), age_gap=0)
    assert verdict.outcome == "another_gender"
    assert [(c.name, c.passed, c.score) for c in verdict.checks] == [("safe", True, 0.1), ("same_gender", False, 0)]
    assert verdict_of(attributes, face(man), face(woman), same_gender=False).accepted


def test_the_gap_in_age_passes_up_to_the_limit(attributes, people):
    men = [Image.fromarray(one) for one in people.images[people.men]]
    ages = [attributes.read(one)[0].age for one in men]
    young, old = men[int(np.argmin(ages))], men[int(np.argmax(ages))]
    gap = max(ages) - min(ages)
    assert gap > 3
    passed, failed = (verdict_of(attributes, old, young, age_gap=limit) for limit in (gap, gap - 1))
    assert passed.accepted and passed.score("age") == gap
    assert failed.outcome == "another_age" and failed.checks[-1].threshold == gap - 1
    assert verdict_of(attributes, old, young).accepted


def test_pictures_without_exactly_one_face(attributes):
    assert verdict_of(attributes, face(1), empty()).outcome == "no_face_in_portrait"
    assert verdict_of(attributes, face(1), two_faces()).outcome == "several_faces_in_portrait"
    assert verdict_of(attributes, empty(), face(1)).outcome == "no_face"
    assert verdict_of(attributes, two_faces(), face(1)).outcome == "several_faces"


def test_what_the_other_verifier_did_not_accept_is_its_own_answer(attributes):
    answers = Verdict(outcome="unsafe"), ServiceError("down"), VerificationError("broken")
    requests = [VerificationRequest(empty(), empty(), "")] * 3
    assert AttributeVerifier(Accepting(*answers), attributes, True, 10).verify(requests) == [*answers]


def test_a_picture_that_cannot_be_read_is_an_error_of_its_own(attributes):
    accepted = Verdict(outcome="accepted")
    broken = Image.new("RGB", (2, 2))
    requests = [VerificationRequest(broken, face(1), ""), VerificationRequest(face(1), face(1), "")]
    first, second = AttributeVerifier(Accepting(accepted, accepted), attributes, True, 10).verify(requests)
    assert isinstance(first, VerificationError) and second.accepted


def test_a_portrait_is_read_once(attributes, monkeypatch):
    mine, calls = FaceAttributes.load(PACK, "cpu"), []
    read = mine.read
    monkeypatch.setattr(mine, "read", lambda image: calls.append(1) or read(image))
    assert mine.portrait(face(1)) == mine.portrait(face(1)) == tuple(attributes.read(face(1)))
    assert mine.portrait(face(2)) == tuple(attributes.read(face(2))) and len(calls) == 2


def test_of_two_faces_too_old_the_nearer_is_closer():
    def attempt(number, name, score, threshold):
        check = Check(name=name, passed=False, score=score, threshold=threshold, model="m")
        return Attempt(number, 0, empty(), Verdict(outcome="another_age", checks=(check,)))

    assert closeness(attempt(2, "age", 12, 10)) > closeness(attempt(1, "age", 30, 10))
    assert closeness(attempt(2, "relevant", 0.19, 0.2)) > closeness(attempt(1, "relevant", 0.1, 0.2))


def test_the_record_names_models_and_limits(attributes):
    facts = AttributeVerifier(Accepting(), attributes, True, 10).facts()
    assert facts["safety"] == "none" and facts["attributes"]["age_gap"] == 10 and facts["attributes"]["same_gender"]
    assert facts["attributes"]["genderage"] == "genderage.onnx" and facts["attributes"]["detection_size"] == 128


def test_a_pack_without_the_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no insightface pack"):
        FaceAttributes.load(str(tmp_path / "none"), "cpu")
    for name in ("det_pocket.onnx", "calibration.json"):
        shutil.copy(input_path(PACK) / name, tmp_path)
    with pytest.raises(ValueError, match="no model of gender and age"):
        FaceAttributes.load(str(tmp_path), "cpu")


def test_a_damaged_picture_is_refused(attributes):
    with pytest.raises(PictureError):
        attributes.read(Image.new("RGB", (4, 4)))
