"""Pre-training of the identity encoder, and its published names."""

from dataclasses import replace

import pytest
import torch

from mirror.faces.photomaker.id_encoder import IdEncoder
from pocket.painter import training as painting
from pocket.painter.clip import init_weights
from pocket.painter.diffusion import make_encoder_weights
from pocket.painter.identity_encoder import train_identity_encoder


def test_the_encoder_is_saved_by_the_published_names():
    weights = make_encoder_weights()
    encoder = IdEncoder(weights)
    saved = painting.published_names(encoder)
    assert saved.keys() == weights.keys()
    IdEncoder(saved)


@pytest.mark.slow
@pytest.mark.proof
def test_the_identity_encoder_learns_who_is_seen(latents):
    torch.manual_seed(0)
    encoder = IdEncoder(make_encoder_weights())
    init_weights(encoder)
    short = train_identity_encoder(encoder, latents, 1, 12, torch.Generator().manual_seed(0))
    long = train_identity_encoder(encoder, latents, 80, 12, torch.Generator().manual_seed(0))
    assert short < 0.1 and long > 0.2
    blind = replace(latents, portraits=torch.zeros_like(latents.portraits))
    assert train_identity_encoder(encoder, blind, 80, 12, torch.Generator().manual_seed(0)) < 0.1
