"""Packs of face models: found in any folder, read as insightface reads them, and refused where they lack something."""

import json
import shutil

import numpy as np
import pytest
from insightface.app import FaceAnalysis

from mirror.faces.identity import FacePack
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
