"""Teaches PhotoMaker's identity encoder to see what a person looks like, before it helps to paint.

Left to the denoiser alone it learns slowly: what one word of 77 says about a person is little of what can be gained.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mirror.faces.photomaker.id_encoder import IdEncoder
from pocket.optimize import train, half_precision
from pocket.painter.latents import Latents

RATE = 1e-3


def train_identity_encoder(encoder: IdEncoder, latents: Latents, steps: int, batch: int, random: torch.Generator) -> float:
    """Trains `encoder` until a linear layer can paint a person at another moment from its embedding of a portrait.

    Gives the share of the latents' variance that it explains in the last batch.
    """
    device = random.device
    encoder.to(device).train()
    painted = nn.Linear(encoder.width, latents.clean[0].numel(), device=device)
    mean = latents.clean.mean(0)
    share = torch.zeros((), device=device)

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(latents.clean), (batch,), generator=random, device=device)
        portraits = latents.portraits[latents.other_moments(pick, random)]
        with half_precision(device):
            seen = painted(encoder(portraits)[:, 0])
        wanted = (latents.clean[pick] - mean).flatten(1)
        error = F.mse_loss(seen.float(), wanted)
        share.copy_(1 - error.detach() / wanted.square().mean())
        return error

    learned = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    train([*learned, *painted.parameters()], loss, steps, RATE, "likeness")
    return share.item()
