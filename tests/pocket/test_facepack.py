"""The pocket insightface pack, through insightface itself: who is found where, taken for whom, how it is made."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import onnx
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
    pair_cosines,
    empty_scenes,
    evaluate,
    load_pack,
    pictures_of_two,
    point_error,
    degrade_image,
)
from pocket.facepack.pack import ATTRIBUTES, DETECTOR, FOLDER, RECOGNIZER, FacepackBudget, train_facepack
from pocket.pictures.portraits import draw_portraits, identity_of
from pocket.pictures.scenes import SceneMaker
from pocket.pictures.warping import fit_similarity, transform_points, warp

PERSONS = 30  # whom the pack has not seen, nor has its exam
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


def test_weights_are_stored_in_half_precision():
    for name in (DETECTOR, RECOGNIZER, ATTRIBUTES):
        tensors = onnx.load(FOLDER / name).graph.initializer
        single = [t for t in tensors if t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) > 1]
        assert not single


@pytest.mark.slow
def test_two_steps_of_training_write_a_pack_that_insightface_loads_the_same_for_the_same_seed(tmp_path):
    for name in ("one", "again"):
        train_facepack(tmp_path / name, 1, TINY)
    assert set(load_pack(tmp_path / "one")) == {"detection", "recognition", "genderage"}
    for file in (DETECTOR, RECOGNIZER, ATTRIBUTES):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_families_and_seeds_are_of_different_people():
    people = [identity_of(family, seed, n) for family in ("learn", "exam") for seed in (1, 2) for n in range(50)]
    assert len(set(people)) == 200


@pytest.mark.slow
def test_a_pack_that_finds_no_faces_is_refused_by_the_exam(tmp_path):
    train_facepack(tmp_path, 1, replace(TINY, detector_steps=1, recognizer_steps=1, attributes_steps=1))
    with pytest.raises(ValueError, match="train for longer"):
        evaluate(tmp_path, persons=2, scenes=4, seed=1)


def test_the_points_lie_on_what_was_drawn():
    # A surprised face looks straight ahead with wide eyes and an open mouth: the pupils are the darkest there is.
    for seed in (seed for seed in range(12) if Identity.from_seed(seed).glasses == "none"):
        who, expression = Identity.from_seed(seed), EXPRESSIONS["surprised"]
        image = np.asarray(draw(who, expression, seed, 224)).astype(int)
        where = find_landmarks(who, expression, seed, 224)
        for x, y in where.points[:2].round().astype(int):
            assert image[y - 3 : y + 4, x - 3 : x + 4].sum(-1).min() < 140
        left, top, right, bottom = where.box
        assert all(left < x < right and top < y < bottom for x, y in where.points)
        mouth = where.points[3:].mean(0).round().astype(int)
        assert not np.allclose(image[mouth[1] + 8, mouth[0]], who.skin, atol=20)


def test_scenes_know_where_their_faces_are(portraits):
    # A portrait's own colours come back from where the scene says that the face is, were it not for degrade_image and tint.
    maker = SceneMaker(portraits, 128, torch.Generator().manual_seed(5), 4)
    scenes = maker.make(32)
    assert set(scenes.shown.sum(1).tolist()) == {0, 1, 2, 3}
    boxes, points = scenes.boxes[scenes.shown], scenes.points[scenes.shown]
    inside = (points >= boxes[:, None, :2] - 2) & (points <= boxes[:, None, 2:] + 2)
    assert inside.all()
    assert (points[:, 0, 0] < points[:, 1, 0]).all() and (points[:, 3, 0] < points[:, 4, 0]).all()
    assert maker.make(4, faces=2).shown.sum(1).tolist() == [2] * 4


def test_a_warp_brings_points_and_pixels_to_the_same_place():
    points = torch.tensor([[[10.0, 12.0], [30.0, 11.0], [20.0, 34.0]]])
    target = torch.tensor([[40.0, 22.0], [41.0, 62.0], [-5.0, 42.0]])
    by = fit_similarity(points, target)
    moved = transform_points(points, by)
    assert torch.linalg.norm(moved[0] - target, dim=1).max() < 2.1  # a similarity: nearest, not exact
    image = torch.zeros(1, 1, 48, 48)
    image[0, 0, 10:13, 28:31] = 1.0  # around (29.5, 11.5)
    warped = warp(image, by, 96)[0, 0]
    y, x = (warped == warped.max()).nonzero().float().mean(0) + 0.5
    expected = transform_points(torch.tensor([[[29.5, 11.5]]]), by)[0, 0]
    assert torch.linalg.norm(torch.stack([x, y]) - expected) < 1.0
