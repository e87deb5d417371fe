"""A random pack does the work of a real one and finds one face in every picture."""

import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from mirror.benchmarks.random_models.pack import _Detector, _Recognizer, write_random_pack
from mirror.faces.attributes import FaceAttributes
from mirror.faces.identity import FacePack


def multiply_adds(model, side):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, side, side))
    return counter.get_total_flops() / 2e9


@pytest.mark.slow
def test_detector_and_recognizer_cost_what_the_published_ones_do():
    assert multiply_adds(_Detector(), 640) == pytest.approx(10, rel=0.1)
    assert multiply_adds(_Recognizer(), 112) == pytest.approx(6.3, rel=0.02)


@pytest.mark.slow
@pytest.mark.proof
def test_the_pack_finds_one_face_in_noise(tmp_path):
    write_random_pack(tmp_path)
    noise = Image.effect_noise((336, 336), 80).convert("RGB")
    (face,) = FacePack.load(str(tmp_path)).faces(noise)
    assert face.box == pytest.approx((84, 84, 252, 252), abs=1)
    assert face.embedding.std() > 0
    (reading,) = FaceAttributes.load(str(tmp_path), "cpu").read(noise)
    assert (reading.gender, reading.age) == ("woman", 40)
