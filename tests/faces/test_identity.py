"""Packs of face models: found in any folder, read as insightface reads them, and refused where they lack something."""

import json
import shutil

import numpy as np
import pytest
from insightface.app import FaceAnalysis
from PIL import Image

from mirror.faces.identity import Face, FacePack, PortraitCache, providers, read_calibration, similarity
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.drawing.identities import Identity
from tests.face_packs import copy_pack


def test_a_pack_that_is_not_there_is_refused_with_where_to_get_one(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no insightface pack at .*nowhere; get a pack such as buffalo_l.*non-comm"
    ):
        FacePack.load(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="holds no .onnx file; get a pack"):
        FacePack.load(str(tmp_path))
    copy_pack(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no .onnx file; did you mean .*/pack"):
        FacePack.load(str(tmp_path))


def test_a_pack_without_one_of_its_models_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no face detector"):
        FacePack.load(str(copy_pack(tmp_path / "a", "det_pocket.onnx")))
    with pytest.raises(ValueError, match="holds no recognition model"):
        FacePack.load(str(copy_pack(tmp_path / "b", "rec_pocket.onnx")))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["models [v2]", "50% *new?", "{a} #1 — Ünï", "[!a]", "~x $HOME"])
@pytest.mark.parametrize("manifest", [False, True])
def test_a_pack_below_any_folder_is_what_insightface_makes_of_it(tmp_path, name, manifest):
    folder = copy_pack(tmp_path / name)
    if manifest:
        (folder / "MODEL.LICENSE").write_text("none")
        tasks = {"detection": {"file": "det_pocket.onnx"}, "recognition": {"file": "rec_pocket.onnx"}}
        tasks["recognition"]["preprocessing"] = {"mean": 120.0, "std": 60.0}
        document = {"manifest_version": 2, "model_id": "pocket", "tasks": tasks, "license": "MODEL.LICENSE"}
        (folder / "manifest.json").write_text(json.dumps(document))
    pack = FacePack.load(str(folder))
    shutil.copytree(folder, tmp_path / "plain")
    own = FaceAnalysis(name=str(tmp_path / "plain"), allowed_modules=["detection", "recognition"])
    own.prepare(ctx_id=-1, det_size=(pack.detection_size,) * 2)
    portrait = draw(Identity.from_seed(1), EXPRESSIONS["attentive"], 0, 112)
    (wanted,) = own.get(np.ascontiguousarray(np.asarray(portrait)[:, :, ::-1]))
    (found,) = pack.faces(portrait)
    assert np.array_equal(found.embedding, wanted.embedding) and found.box == tuple(map(float, wanted.bbox))
    assert pack.recognition == folder / "rec_pocket.onnx" and pack.calibrated_threshold() > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1\n", "is a git-lfs pointer")],
)
def test_a_pack_with_a_file_that_is_no_model_names_it(tmp_path, content, message):
    pack = copy_pack(tmp_path)
    (pack / "det_pocket.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=f"det_pocket.onnx {message}"):
        FacePack.load(str(pack))


def test_a_model_that_cannot_be_read_is_refused(tmp_path):
    pack = copy_pack(tmp_path)
    (pack / "rec_pocket.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match="a model cannot be read"):
        FacePack.load(str(pack))


def test_the_area_is_that_of_the_box_and_similarity_is_the_cosine():
    assert Face((10.0, 20.0, 13.0, 24.0), 0.9, np.zeros(2)).area == 12
    one, other = np.array([3.0, 4.0]), np.array([4.0, 3.0])
    assert similarity(one, other) == pytest.approx(24 / 25) and similarity(one, -2 * one) == pytest.approx(-1)


def test_a_portrait_is_read_once_whatever_object_holds_it(monkeypatch):
    monkeypatch.setattr("mirror.faces.identity.MOST_PORTRAITS", 2)
    cache, read = PortraitCache(), []

    def faces(image):
        read.append(image.getpixel((0, 0)))
        return [image.getpixel((0, 0)), "smaller"] if image.getpixel((0, 0)) != (0, 0, 0) else []

    red, black, blue = (Image.new("RGB", (8, 16), color) for color in ("red", "black", "blue"))
    found = [cache.found(image, faces) for image in (red, red.copy(), black, black)]
    assert found == [((255, 0, 0), "smaller")] * 2 + [()] * 2
    assert read == [(255, 0, 0), (0, 0, 0)]
    assert cache.found(Image.new("RGB", (16, 8), "red"), faces) and len(read) == 3, "another shape"
    cache.found(blue, faces), cache.found(red, faces)
    assert len(read) == 5, "a full cache begins anew"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "calibrate again, or remove it"),
        ('{"threshold": "0.3"}', "threshold must be a cosine in -1…1, found '0.3'"),
        ('{"threshold": 1.5}', "threshold must be a cosine in -1…1, found 1.5"),
        ('{"threshold": true}', "threshold must be a cosine in -1…1, found True"),
    ],
)
def test_a_calibration_that_is_none_is_refused(content, message, tmp_path):
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_calibration(tmp_path)


def test_a_folder_without_a_calibration_has_none(tmp_path):
    assert read_calibration(tmp_path) == {}
    (tmp_path / "calibration.json").write_text('{"threshold": -1, "detection_size": 320}')
    assert read_calibration(tmp_path) == {"threshold": -1, "detection_size": 320}


def test_a_gpu_is_used_where_onnxruntime_has_one(monkeypatch, caplog):
    assert providers("cpu") == ["CPUExecutionProvider"] and not caplog.records
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert providers("cuda:1") == ["CPUExecutionProvider"] and "install onnxruntime-gpu" in caplog.text
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert providers("cuda:1") == [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]
    assert providers("cuda")[0] == ("CUDAExecutionProvider", {"device_id": 0})


@pytest.mark.parametrize("size", ["128", 0, 100, True, 128.0, 10**6, None])
def test_a_detector_that_could_not_take_its_input_is_refused(size, tmp_path):
    (tmp_path / "calibration.json").write_text(json.dumps({"threshold": 0.3, "detection_size": size}))
    with pytest.raises(ValueError, match="calibration.json: detection_size must be a multiple of 32 pixels up to 4096"):
        read_calibration(tmp_path)
