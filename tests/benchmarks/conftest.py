"""A LLaVA so small that its operations can be counted by hand."""

import pytest
import torch

from mirror.benchmarks.random_models import llava as random_llava
from mirror.models.lora import add_lora
from tests.small_llava import HIDDEN, INNER, LAYERS, RANK


@pytest.fixture(scope="module")
def model():
    """On no device: its shapes are all that is counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(random_llava.SHAPES, "7b", (HIDDEN, INNER, LAYERS, 4))
        base = random_llava.random_model("7b", torch.float32, "meta")
    return add_lora(base, RANK, 16, 0.0, seed=0)
