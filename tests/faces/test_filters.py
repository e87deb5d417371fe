"""The filters one by one: scores, thresholds, and models that do not fit."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from transformers import CLIPImageProcessorPil

from mirror.faces.verification import LocalVerifier
from mirror.files.image_file import upright
from tests.face_packs import PACK, copy_pack

SAFETY, CLIP = "pocket/models/nsfw-pocket", "pocket/models/clip-pocket"


def load(safety=SAFETY, clip=CLIP, pack=PACK, relevance=-1.0, identity=None):
    return LocalVerifier.load(str(safety), str(clip), str(pack), relevance, identity, device="cpu")


def test_a_threshold_lies_beside_its_model_or_is_the_published_one(tmp_path):
    shutil.copytree(CLIP, tmp_path / "clip")
    (tmp_path / "clip/calibration.json").write_text('{"threshold": 0.11}')
    assert load(clip=tmp_path / "clip", relevance=None).relevance.threshold == 0.11
    assert load(clip=tmp_path / "clip", relevance=0.3).relevance.threshold == 0.3
    (tmp_path / "clip/calibration.json").unlink()
    assert load(clip=tmp_path / "clip", relevance=None).relevance.threshold == 0.2
    (tmp_path / "clip/calibration.json").write_text("{}")
    with pytest.raises(ValueError, match="clip/calibration.json: threshold must be a cosine in -1…1, found None"):
        load(clip=tmp_path / "clip", relevance=None)


def test_a_pack_without_a_threshold_is_refused_unless_one_is_given(tmp_path):
    pack = copy_pack(tmp_path, "calibration.json")
    with pytest.raises(ValueError, match="no identity threshold; the published 0.3 belongs to another embedding"):
        load(pack=pack)
    assert load(pack=pack, identity=0.4).identity.threshold == 0.4


def test_a_calibration_of_another_model_is_refused(tmp_path):
    pack = copy_pack(tmp_path)
    calibration = json.loads((pack / "calibration.json").read_text()) | {"sha256": "0" * 64}
    (pack / "calibration.json").write_text(json.dumps(calibration))
    with pytest.raises(
        ValueError, match="was made for another recognition model than rec_pocket.onnx; calibrate again"
    ):
        load(pack=pack)


def test_a_classifier_with_other_labels_is_refused(tmp_path):
    shutil.copytree(SAFETY, tmp_path / "other")
    config = json.loads((tmp_path / "other/config.json").read_text())
    config["id2label"], config["label2id"] = {"0": "cat", "1": "dog"}, {"cat": 0, "dog": 1}
    (tmp_path / "other/config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="the labels must be normal and nsfw, found cat, dog"):
        load(safety=tmp_path / "other")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(8, 80), (80, 8), (1600, 160), (8000, 8000)])
def test_the_largest_shapes_that_are_read_cost_no_more_than_their_pixels(size):
    """What a model's processor makes of a picture grows with its proportion: 10 to 1 is 0.5 megapixels at 224."""
    scaled = []

    class Resampled(CLIPImageProcessorPil):
        def resize(self, *args, **options):
            scaled.append(super().resize(*args, **options))
            return scaled[-1]

    upright(Image.new("RGB", size))
    Resampled(size={"shortest_edge": 336}, crop_size=336)(Image.new("RGB", size))
    assert scaled and all(np.asarray(image).size <= 3 * 336 * 3360 for image in scaled)
