"""The committed face pack, through insightface: detection, verification, attributes; and its training."""

import hashlib
import json

import numpy as np
import pytest
import torch
from insightface.app import FaceAnalysis

from mirror.faces.identity import find_faces, load_models
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw, find_landmarks
from pocket.drawing.identities import Identity
from pocket.facepack.evaluation import (
    area_under_curve,
    box_overlap,
    degrade_image,
    empty_scenes,
    load_pack,
    pair_cosines,
    pictures_of_two,
    point_error,
)
from pocket.facepack.pack import ATTRIBUTES, DETECTOR, FOLDER, RECOGNIZER, FacepackBudget, train_facepack
from pocket.pictures.portraits import draw_portraits

PERSONS = 30  # held-out people, also from the evaluation
TINY = FacepackBudget(persons=3, moments=2, backgrounds=3, detector_steps=2, recognizer_steps=2, attributes_steps=2)


@pytest.fixture(scope="module")
def pack():
    return load_pack(FOLDER)


@pytest.fixture(scope="module")
def portraits():
    return draw_portraits("test", PERSONS, 3, 112, 1)


@pytest.fixture(scope="module")
def found(pack, portraits):
    return [find_faces(pack, image) for image in portraits.images]


@pytest.fixture(scope="module")
def calibration():
    return json.loads((FOLDER / "calibration.json").read_text())


def test_insightface_knows_each_file_by_its_shapes():
    pack = FaceAnalysis(name=str(FOLDER), providers=["CPUExecutionProvider"])
    assert set(pack.models) == {"detection", "recognition", "genderage"}
    assert pack.models["detection"].use_kps
    assert pack.models["recognition"].input_size == (112, 112)
    assert pack.models["recognition"].output_shape[1] == 512


def test_every_portrait_has_one_face_where_it_was_drawn(portraits, found):
    assert [len(faces) for faces in found].count(1) >= len(found) - 1
    errors = [point_error(faces[0], portraits, k, 112) for k, faces in enumerate(found)]
    overlaps = [box_overlap(faces[0], portraits, k, 112) for k, faces in enumerate(found)]
    assert np.mean(errors) < 0.08 and max(errors) < 0.25
    assert np.mean(overlaps) > 0.85 and min(overlaps) > 0.65


@pytest.mark.parametrize("size", [64, 224, 336])
def test_pictures_may_have_other_sizes(pack, size):
    for seed, expression in enumerate(list(EXPRESSIONS.values())[:4]):
        face = draw(Identity.from_seed(seed), expression, seed, size)
        true = find_landmarks(Identity.from_seed(seed), expression, seed, size)
        (only,) = find_faces(pack, np.asarray(face))
        assert np.abs(only.kps - true.points).max() < 0.06 * size


def test_the_detector_takes_other_input_sizes(portraits):
    pack = load_models(FOLDER, ("detection",), (192, 160))
    counts = [len(find_faces(pack, image)) for image in pictures_of_two(portraits.images, 6, 3)]
    assert counts.count(2) >= 5


def test_nothing_is_found_in_scenes_without_a_face(pack, portraits):
    scenes = list(empty_scenes(portraits, 100, torch.Generator().manual_seed(2), 2))
    assert len(scenes) == 100
    assert sum(bool(find_faces(pack, scene)) for scene in scenes) <= 1


def test_two_people_in_a_picture_are_two_faces(pack, portraits):
    counts = [len(find_faces(pack, image)) for image in pictures_of_two(portraits.images, 24, 3)]
    assert counts.count(2) >= 23


def test_the_same_person_is_accepted_with_another_expression_and_another_person_is_not(portraits, found, calibration):
    embeddings = np.stack([faces[0].normed_embedding for faces in found])
    same, different = pair_cosines(embeddings, embeddings, portraits.persons)
    assert len(same) == 3 * PERSONS and len(different) == 9 * PERSONS * (PERSONS - 1) // 2
    assert area_under_curve(same, different) >= 0.99
    assert (same >= calibration["threshold"]).mean() >= 0.93
    assert (different >= calibration["threshold"]).mean() <= 0.025


def test_blur_noise_and_tint_change_neither_the_count_nor_the_person(pack, portraits, found, calibration):
    random = torch.Generator().manual_seed(4)
    worn = [find_faces(pack, degrade_image(image, random)) for image in portraits.images[:60]]
    assert [len(faces) for faces in worn].count(1) >= 59
    cosines = [a[0].normed_embedding @ b[0].normed_embedding for a, b in zip(found, worn, strict=False) if b]
    assert np.mean(np.array(cosines) >= calibration["threshold"]) >= 0.95


def test_gender_is_told_and_age_roughly(portraits, found):
    men = [faces[0].gender == 1 for faces in found]
    assert np.mean(men == portraits.men) >= 0.95
    assert np.mean(np.abs([faces[0].age for faces in found] - portraits.ages)) < 14


def test_the_card_and_the_threshold_belong_to_the_files(calibration):
    card = (FOLDER / "README.md").read_text()
    for name in (DETECTOR, RECOGNIZER, ATTRIBUTES):
        content = (FOLDER / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() in card
        assert f"`{name}`" in card and f"| {len(content):,} |" in card
    assert calibration["model"] == RECOGNIZER
    assert calibration["sha256"] == hashlib.sha256((FOLDER / RECOGNIZER).read_bytes()).hexdigest()
    assert calibration["false_accept_rate"] == 0.01 and calibration["true_accept_rate"] >= 0.95
    assert f"cosine ≥ {calibration['threshold']:.3f}" in card and f"{calibration['true_accept_rate']:.2%}" in card
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 2_500_000


@pytest.mark.slow
@pytest.mark.proof
def test_two_steps_of_training_write_a_pack_that_insightface_loads_the_same_for_the_same_seed(tmp_path):
    for name in ("one", "again"):
        train_facepack(tmp_path / name, 1, TINY)
    assert set(load_pack(tmp_path / "one")) == {"detection", "recognition", "genderage"}
    for file in (DETECTOR, RECOGNIZER, ATTRIBUTES):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
