"""What describer, painter and filters need: weights as loaded, and work in proportion to pixels and pictures.

Only those of this process count.
"""

import pytest
import torch

from mirror.faces.memory import (
    DECODING,
    DENOISING,
    FILTER_WORK,
    download_faces,
    encoder_bytes,
    face_parts,
    painter_part,
    work_bytes,
)
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.photomaker.pipeline import networks
from mirror.faces.verification import LocalVerifier
from mirror.models.memory.plan import Part
from mirror.paths import input_path
from tests.parameters import face_settings as settings

FILES = ("pocket/models/sdxl-pocket", "pocket/models/photomaker-v1-pocket.bin")


def test_only_models_of_this_process_need_memory():
    local = face_parts(settings(), "cpu", torch.float32, 4)
    assert [part.role for part in local] == ["painter", "filters"] and all(part.weights for part in local)
    served = face_parts(settings(describer="http", verifier="http"), "cpu", torch.float32, 4)
    assert served == local[:1]


def test_filters_stay_in_float32_and_bring_the_pack_of_faces():
    """Whatever the painter's precision."""
    found = face_parts(settings(), "cuda", torch.bfloat16, 4)[1]
    verifier = LocalVerifier.load(
        *(getattr(settings(), name) for name in ("safety_model", "relevance_model", "face_pack"))
    )
    networks = verifier.safety.model, verifier.relevance.model
    loaded = sum(parameter.nbytes for network in networks for parameter in network.parameters())
    pack = sum(file.stat().st_size for file in input_path(settings().face_pack).glob("*.onnx"))
    assert found.weights == loaded + pack and found.work == 4 * FILTER_WORK


def test_a_cpu_works_on_one_picture_at_a_time():
    one, eight = (face_parts(settings(paint_batch=8), device, torch.float32, 9) for device in ("cpu", "cuda"))
    assert one == face_parts(settings(paint_batch=1), "cuda", torch.float32, 9) != eight


def test_a_describer_that_is_not_here_has_no_size_yet_and_is_looked_for():
    found = settings(describer="local", describer_model="owner/never-here")
    assert face_parts(found, "cpu", torch.float32, 1)[0] == Part("describer", None)
    with pytest.raises(FileNotFoundError, match="owner/never-here was not found locally or on the Hub"):
        download_faces(found, torch.float32, ["describer"])
    download_faces(found, torch.float32, ["painter", "filters"])  # all of them are here


def test_the_weights_are_those_of_the_painter_that_is_loaded():
    painter = PhotoMaker.load(*FILES, PaintRecipe(1, 1.5, 0, 128, 112))
    loaded = [*networks(painter.pipeline), painter.id_encoder]
    count = sum(parameter.nbytes for network in loaded for parameter in network.parameters())
    found = painter_part(FILES[0], "", FILES[1], torch.float32, 4, 128, True)
    assert found.weights == count
    assert found.work == work_bytes(torch.float32, 4, 128, True)


def test_a_painter_that_is_not_here_has_no_size_yet():
    assert painter_part("owner/never-here", "", FILES[1], torch.float32, 1, 128, True).weights is None
    assert painter_part(FILES[0], "", "owner/never-here/a.bin", torch.float32, 1, 128, True).weights is None
    assert encoder_bytes("./no.bin", torch.float32) is None


def test_pictures_are_denoised_together_and_decoded_one_by_one():
    half = torch.bfloat16
    assert work_bytes(half, 1, 1024, True) == DENOISING + DECODING
    assert work_bytes(half, 8, 1024, True) == 8 * DENOISING + DECODING
    assert work_bytes(half, 8, 1024, False) == 4 * DENOISING + DECODING
    assert work_bytes(half, 2, 512, True) * 4 == 2 * DENOISING + DECODING
    assert work_bytes(torch.float32, 1, 512, True) * 2 == DENOISING + DECODING
