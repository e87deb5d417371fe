"""Pre-trains PhotoMaker's identity encoder on reconstructing a person from a portrait.

The denoiser's loss alone trains it slowly, since one token of 77 contributes little to that loss.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mirror.faces.photomaker.id_encoder import IdEncoder
from pocket.optimize import half_precision, train
from pocket.painter.latents import Latents

RATE = 1e-3


def train_identity_encoder(
    encoder: IdEncoder, latents: Latents, steps: int, batch: int, random: torch.Generator
) -> float:
    """Trains `encoder` so that a linear layer predicts the latents of another picture of the person from a portrait.

    Returns:
        The explained share of the latents' variance (R²) in the last batch.
    """
    device = random.device
    encoder.to(device).train()
    decoder = nn.Linear(encoder.width, latents.clean[0].numel(), device=device)
    mean = latents.clean.mean(0)
    share = torch.zeros((), device=device)

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(latents.clean), (batch,), generator=random, device=device)
        portraits = latents.portraits[latents.other_moments(pick, random)]
        with half_precision(device):
            predicted = decoder(encoder(portraits)[:, 0])
        target = (latents.clean[pick] - mean).flatten(1)
        error = F.mse_loss(predicted.float(), target)
        share.copy_(1 - error.detach() / target.square().mean())
        return error

    trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    train([*trained, *decoder.parameters()], loss, steps, RATE, "identity encoder")
    return share.item()
