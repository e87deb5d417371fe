"""What has been encoded is not encoded again, and changes no picture."""

import pytest
import torch
from PIL import Image

from mirror.faces.photomaker import PaintRequest
from mirror.faces.photomaker.conditions import looked_up
from mirror.faces.photomaker.decoding import decoded
from mirror.faces.photomaker.painter import PhotoMaker
from tests.tiny_photomaker import GOLDEN, RECIPE


def load():
    return PhotoMaker.load(str(GOLDEN / "sdxl-tiny"), str(GOLDEN / "photomaker-v1.bin"), RECIPE, vision_heads=4)


def request(number, colour="tan"):
    return PaintRequest(f"a man img, look {number}", f"blurry {number}", (Image.new("RGB", (40, 40), colour),), number)


@pytest.fixture(scope="module")
def painter():
    return load()


def test_pictures_are_the_same_bytes_as_from_models_that_remember_nothing(painter):
    again = [painter.paint([request(n)])[0].tobytes() for n in (0, 1, 0)]
    assert again[0] == again[2] != again[1]
    assert again[:2] == [load().paint([request(n)])[0].tobytes() for n in (0, 1)]
    assert again[:2] == [one.tobytes() for one in painter.paint([request(0), request(1)])]


def test_a_portrait_is_encoded_once_and_another_one_by_itself(monkeypatch):
    painter, seen = load(), []
    inner = painter.id_encoder.vision_model.forward

    def forward(pixels, *args, **options):
        seen.append(len(pixels))
        return inner(pixels, *args, **options)

    monkeypatch.setattr(painter.id_encoder.vision_model, "forward", forward)
    painter.paint([request(0), request(1), request(2, "peru"), request(3)])
    assert seen == [1, 1]


def test_decoded_pictures_are_those_of_the_stock_pipeline(painter):
    requests = [request(0), request(1)]
    stock = painter.denoise(requests, painter.noise(requests), "pil")
    ours = decoded(painter.pipeline, painter.denoise(requests, painter.noise(requests), "latent"))
    one_by_one = [painter.denoise([one], painter.noise([one]), "pil")[0] for one in requests]
    assert len(ours) == 2 and [one.size for one in ours] == [one.size for one in stock]
    for one, alone in zip(ours, one_by_one, strict=True):
        assert max(abs(a - b) for a, b in zip(one.tobytes(), alone.tobytes(), strict=True)) <= 1
    (single,) = decoded(painter.pipeline, painter.denoise(requests[:1], painter.noise(requests[:1]), "latent"))
    assert single.tobytes() == one_by_one[0].tobytes()


def test_latents_with_a_mean_are_scaled_as_the_stock_pipeline_does(painter):
    channels = painter.pipeline.vae.config.latent_channels
    config = painter.pipeline.vae.register_to_config
    config(latents_mean=[0.1] * channels, latents_std=[1.2] * channels)
    try:
        (stock,) = painter.denoise([request(0)], painter.noise([request(0)]), "pil")
        (ours,) = decoded(painter.pipeline, painter.denoise([request(0)], painter.noise([request(0)]), "latent"))
    finally:
        config(latents_mean=None, latents_std=None)
    assert stock.tobytes() == ours.tobytes()


def test_the_oldest_leave_and_what_is_used_stays():
    known, asked = {}, []

    def squares(numbers):
        asked.append(list(numbers))
        return [number**2 for number in numbers]

    assert looked_up(known, [1, 2, 1, 3], squares, 3, False) == [1, 4, 1, 9]
    assert looked_up(known, [1], squares, 3, False) == [1]
    assert looked_up(known, [4, 5], squares, 3, True) == [16, 25]
    assert asked == [[1, 2, 3], [4], [5]] and list(known) == [1, 4, 5]
    assert looked_up(known, list(range(6)), squares, 3, False) == [0, 1, 4, 9, 16, 25] and len(known) == 3


def test_nothing_is_compiled_on_a_cpu(painter, capsys):
    painter.warm_up(8)
    assert painter.batch_sizes == (1,) and capsys.readouterr().err == ""
    assert torch.is_inference_mode_enabled() is False


def test_warming_up_takes_one_step(monkeypatch):
    painter, calls = load(), []
    inner = painter.pipeline.unet.forward

    def forward(*args, **options):
        calls.append(1)
        return inner(*args, **options)

    monkeypatch.setattr(painter.pipeline.unet, "forward", forward)
    painter._warming_up = True
    painter.paint([PaintRequest("a person img", "", (), 0)])
    assert len(calls) == 1
    painter._warming_up = False
    painter.paint([request(0)])
    assert len(calls) == 1 + RECIPE.steps


@pytest.mark.slow
def test_network_and_decoder_are_one_graph_each():
    """Traced only: what cannot be traced as a whole would end a run on a GPU at its start."""
    painter = load()
    for module in (painter.pipeline.unet, painter.pipeline.vae.decoder):
        module.forward = torch.compile(module.forward, fullgraph=True, dynamic=False, backend="eager")
    assert painter.paint([request(0)])[0].tobytes() == load().paint([request(0)])[0].tobytes()


def test_rows_that_fill_a_batch_up_are_dropped_and_change_no_picture():
    painter = load()
    alone = [painter.paint([request(n)])[0] for n in range(3)]
    painter.batch_sizes, batches = (4,), []
    inner = painter.denoise
    painter.denoise = lambda rows, *rest: batches.append(len(rows)) or inner(rows, *rest)
    filled = painter.paint([request(n) for n in range(3)])
    assert batches == [4] and len(filled) == 3
    for one, other in zip(filled, alone, strict=True):
        assert max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)) <= 2
