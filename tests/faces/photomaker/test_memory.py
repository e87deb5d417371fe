"""The painter's need: the weights that loading keeps, and working memory in proportion to pixels and pictures."""

import torch

from mirror.faces.photomaker import PaintRecipe, PhotoMaker
from mirror.faces.photomaker.memory import DECODING, DENOISING, encoder_bytes, painter_part, work_bytes
from mirror.faces.photomaker.pipeline import networks

FILES = ("pocket/models/sdxl-pocket", "pocket/models/photomaker-v1-pocket.bin")


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
