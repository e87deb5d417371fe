"""An untrained pipeline, and training data encoded by it."""

import pytest
import torch

from pocket.painter.diffusion import make_pipeline
from pocket.painter.latents import make_latents
from pocket.pictures.portraits import draw_portraits


@pytest.fixture(scope="module")
def pipeline():
    return make_pipeline()


@pytest.fixture(scope="module")
def latents(pipeline):
    return make_latents(pipeline.vae, draw_portraits("a few", 3, 4, 128, 1), torch.Generator().manual_seed(0))
