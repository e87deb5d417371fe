"""The identity threshold: what share of strangers it lets in, where it is written, and what it refuses."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from mirror.faces.calibration import Pair, calibrate, main, pairs_in, save, threshold_at
from mirror.faces.filters import IdentityFilter
from mirror.faces.identity import FacePack, similarity
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.drawing.identities import Identity

PACK = "pocket/models/faces-pocket"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve persons with two pictures each, and a picture without a face."""
    folder = tmp_path_factory.mktemp("pictures")
    for person in range(12):
        (folder / f"p{person:02}").mkdir()
        for number, expression in enumerate(("sad", "relieved")):
            face = draw(Identity.from_seed(900 + person), EXPRESSIONS[expression], number, 112)
            face.save(folder / f"p{person:02}" / f"{number}.png")
    Image.new("RGB", (112, 112), "gray").save(folder / "p00" / "empty.png")
    return folder


@pytest.fixture
def pack(tmp_path):
    return FacePack.load(str(shutil.copytree(PACK, tmp_path / "pack")))


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5, 1.0])
def test_the_threshold_lets_in_no_more_strangers_than_asked_and_no_fewer_than_it_may(rate):
    scores = np.random.default_rng(0).normal(size=1000)
    threshold = threshold_at(scores, rate)
    assert (scores >= threshold).mean() == pytest.approx(rate, abs=1e-9)


def test_equal_scores_stay_outside_together():
    scores = np.array([0.9] * 5 + [0.1] * 95)
    assert threshold_at(scores, 0.02) > 0.9  # letting in one would let in five
    assert 0.1 < threshold_at(scores, 0.05) <= 0.9


def test_a_rate_that_the_pairs_cannot_tell_is_refused():
    with pytest.raises(ValueError, match="rate of 0.001 needs 1000 pairs of different persons or more, found 100"):
        threshold_at(np.zeros(100), 0.001)


@pytest.mark.parametrize("rate", [0, -0.1, 1.5])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="a false-accept rate lies above 0 and is at most 1"):
        threshold_at(np.zeros(100), rate)


def test_a_picture_that_cannot_be_decoded_is_named(pictures, pack, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="broken.jpg: is no picture in one of the formats PNG, JPEG.* or remove it"):
        calibrate(pack, [Pair(tmp_path / "broken.jpg", pictures / "p01" / "0.png", True)])


def test_few_pictures_give_every_pair_once(pictures):
    pairs = pairs_in(pictures)
    assert len(pairs) == len(set(pairs)) == 25 * 24 // 2


def test_pairs_are_all_of_one_person_and_some_of_two(pictures):
    pairs = pairs_in(pictures, different=50, seed=3)
    same, different = [p for p in pairs if p.same], [p for p in pairs if not p.same]
    assert len(same) == 11 + 3 and len(different) == 50 and len(set(pairs)) == 64
    assert all(p.first.parent == p.second.parent for p in same)
    assert all(p.first.parent != p.second.parent for p in different)
    assert pairs == pairs_in(pictures, different=50, seed=3) != pairs_in(pictures, different=50, seed=4)


def test_a_folder_without_persons_is_refused(tmp_path):
    with pytest.raises(ValueError, match="found 0 persons and 0 pairs; put each person's pictures into a folder"):
        pairs_in(tmp_path)


@pytest.mark.parametrize("ending", [".bmp", ".PGM", ".ppm", ".TIF", ".tiff", ".webp", ".JPEG", ".jpg", ".gif"])
def test_pictures_of_every_ending_count(ending, pictures, pack, tmp_path):
    for person in ("p01", "p02", "p03"):
        (tmp_path / "faces" / person).mkdir(parents=True)
        for number in range(2):
            with Image.open(pictures / person / f"{number}.png") as image:
                image.convert("L").save(tmp_path / "faces" / person / f"{number}{ending}")
    found = calibrate(pack, pairs_in(tmp_path / "faces"), 0.5)
    assert len(found.scores) == 15 and found.scores.same.sum() == 3


def test_what_is_no_picture_by_its_name_does_not_count(pictures, tmp_path):
    for name in ("a/1.png", "a/2.PNG", "a/._1.png", "a/notes.txt", "b/1.png", "a/3.png/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {path.name for pair in pairs_in(tmp_path) for path in (pair.first, pair.second)} == {"1.png", "2.PNG"}
    (tmp_path / "a/2.PNG").unlink()
    with pytest.raises(ValueError, match=r"files that end in .png, .jpg, .jpeg, .webp, .bmp, .tif"):
        pairs_in(tmp_path)


def failure(monkeypatch, *words):
    """What the command says as it ends with status 1."""
    monkeypatch.setattr(sys, "argv", ["calibration", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert isinstance(stopped.value.code, str)  # Python writes such a text to standard error, and exits with 1
    return stopped.value.code


def test_the_command_names_all_pictures_that_cannot_be_used(pictures, pack, tmp_path, monkeypatch):
    folder = shutil.copytree(pictures, tmp_path / "faces")
    Image.new("1", (14_000, 14_000)).save(folder / "p03/huge.png")
    Image.new("RGB", (4000, 2)).save(folder / "p05/line.bmp")
    (folder / "p07/1.png").write_bytes((folder / "p07/1.png").read_bytes()[:700])
    message = failure(monkeypatch, "--pack", pack.folder, "--pictures", folder, "--false-accept-rate", 0.1)
    told = [line for line in message.splitlines() if str(folder) in line]
    assert [line.split(": ")[0].removeprefix(f"{folder}/") for line in told] == [
        "p03/huge.png",
        "p05/line.bmp",
        "p07/1.png",
    ]
    assert "has 196,000,000 pixels" in told[0] and all(line.endswith(", or remove it") for line in told[:2])


def test_calibration_measures_what_it_says(pictures, pack):
    found = calibrate(pack, pairs_in(pictures, different=200), 0.02)
    scores = found.scores
    same, different = scores.score[scores.same], scores.score[~scores.same]
    assert len(same) == 12 and 100 < len(different) <= 200
    assert found.false_accept_rate == (different >= found.threshold).mean() <= 0.02
    assert found.true_accept_rate == (same >= found.threshold).mean() > 0.9
    assert found.auc == pytest.approx(np.mean([s > d for s in same for d in different]), abs=1e-6)
    assert found.auc > 0.95
    assert [path.name for path in found.faceless] == ["empty.png"]
    row = scores.iloc[0]
    one, other = (pack.faces(Image.open(row[side]))[0].embedding for side in ("first", "second"))
    assert row.score == pytest.approx(similarity(one, other), abs=1e-6)


def test_the_threshold_is_found_by_the_filter(pictures, pack):
    found = calibrate(pack, pairs_in(pictures, different=200), 0.05)
    save(found, pack)
    assert IdentityFilter(str(pack.folder), None, "cpu").threshold == found.threshold
    written = json.loads((pack.folder / "calibration.json").read_text())
    assert written["pairs"] == {"same": 12, "different": int((~found.scores.same).sum())}
    assert written["detection_size"] == pack.detection_size


def test_no_pair_with_two_faces_is_refused(pictures, pack):
    empty = pictures / "p00" / "empty.png"
    with pytest.raises(ValueError, match="needs pairs of the same person in which both faces are found"):
        calibrate(pack, [Pair(empty, empty, True)])


@pytest.mark.slow
def test_the_command_writes_threshold_table_and_figure(pictures, pack, output, monkeypatch, capsys):
    words = ["--pack", str(pack.folder), "--pictures", str(pictures), "--false-accept-rate", "0.05"]
    monkeypatch.setattr(sys, "argv", ["calibration", *words])
    main()
    said = capsys.readouterr().out
    assert said.startswith("rec_pocket.onnx: threshold 0.") and "1 pictures had no face" in said
    folder = output / "results/calibration-pack"
    assert sorted(path.name for path in folder.iterdir()) == ["identity.csv", "identity.pdf", "identity.png"]


def test_the_command_says_what_is_wrong(tmp_path, pack, monkeypatch):
    (tmp_path / "none").mkdir()
    message = failure(monkeypatch, "--pack", pack.folder, "--pictures", tmp_path / "none")
    assert "\n" not in message and "found 0 persons" in message
    message = failure(monkeypatch, "--pack", pack.folder, "--pictures", "/no/where")
    assert message.startswith("no such folder /no/where; give one")
