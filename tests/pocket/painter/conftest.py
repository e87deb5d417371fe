"""An untrained pipeline, training data encoded by it, and fewer prompts than a training has."""

import pytest
import torch

from pocket.painter.diffusion import make_pipeline
from pocket.painter.latents import make_latents
from pocket.pictures.portraits import draw_portraits
from pocket.texts.wordings import descriptions_of


@pytest.fixture(scope="module")
def pipeline():
    return make_pipeline()


@pytest.fixture(scope="module")
def latents(pipeline):
    return make_latents(pipeline.vae, draw_portraits("a few", 3, 4, 128, 1), torch.Generator().manual_seed(0))


@pytest.fixture
def few_prompts(monkeypatch):
    """Two wordings of each expression: a training reads all that there are before it begins."""
    monkeypatch.setattr("pocket.painter.prompts.descriptions_of", lambda name: descriptions_of(name)[:2])
