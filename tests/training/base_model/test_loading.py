"""The base model as the settings ask for it."""

import pytest
import torch

from mirror.models.memory.plan import DoesNotFit
from mirror.training.base_model import loading
from mirror.training.base_model.loading import load_base_model
from mirror.training.settings import TrainSettings
from tests.quantized import needs_nf4
from tests.training_parameters import PARAMETERS


def settings(**changes):
    return TrainSettings.checked(
        PARAMETERS | {"data": "d.json", "image_folder": "."} | changes, "parameter", check_files=False
    )


@needs_nf4
def test_4_bits_are_held_where_the_settings_ask_for_them():
    from bitsandbytes.nn import Linear4bit

    for quantize, count in (("none", 0), ("nf4", 14)):
        model = load_base_model(settings(quantize=quantize)).model
        assert sum(isinstance(layer, Linear4bit) for layer in model.modules()) == count


def test_a_gpu_without_room_is_refused_before_weights_are_read(monkeypatch):
    monkeypatch.setattr(loading, "resolve_device", lambda device: "cuda")
    monkeypatch.setattr(loading, "available_memory", lambda device: 10**6)
    monkeypatch.setattr(loading, "device_name", lambda device: "NVIDIA Pocket")
    monkeypatch.setattr(loading.loading, "load", lambda *_, **__: pytest.fail("weights were read"))
    with pytest.raises(
        DoesNotFit, match="does not fit NVIDIA Pocket: with micro_batch 1 it needs about 1.7 GB of 1.0 MB"
    ):
        load_base_model(settings(device="cuda"))


def test_float8_is_refused_where_it_cannot_run():
    wrong = settings(device="auto", float8=True)
    if torch.cuda.is_available():
        pytest.skip("this machine may have float8")
    with pytest.raises(ValueError, match="float8 cannot be used here: it needs an NVIDIA GPU"):
        load_base_model(wrong)
