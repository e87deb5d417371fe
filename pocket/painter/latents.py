"""The pocket painter's training data: latents, negative latents and portraits of drawn faces."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL
from transformers import CLIPImageProcessorPil

from pocket.painter.autoencoder import encode
from pocket.painter.diffusion import PORTRAIT_SIZE
from pocket.painter.filters import augment, image_tensors, normalize
from pocket.pictures.portraits import Portraits
from pocket.pictures.unsafe import cover
from pocket.pictures.warping import blurred, uniform

PART = 1000  # pictures prepared at once


@dataclass(frozen=True)
class Latents:
    """The painter's training data, on its device.

    Attributes:
        clean: [n, 4, s, s] scaled latents of the pictures.
        negatives: [n, 4, s, s] scaled latents of the pictures as negative prompts describe them.
        portraits: [n, 3, p, p] the pictures as input of the identity encoder, augmented.
        shown: [n] indices of the expressions.
        men: [n] bool.
        moments: Number of consecutive pictures of one person.
    """

    clean: torch.Tensor
    negatives: torch.Tensor
    portraits: torch.Tensor
    shown: torch.Tensor
    men: torch.Tensor
    moments: int

    def other_moments(self, pick: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """Draws for each picture of `pick` [n] another picture of the same person; returns indices [n]."""
        step = 1 + torch.randint(self.moments - 1, pick.shape, generator=random, device=pick.device)
        first = pick // self.moments * self.moments
        return first + (pick - first + step) % self.moments


def make_latents(vae: AutoencoderKL, faces: Portraits, random: torch.Generator) -> Latents:
    """Encodes the pictures and their negatives with `vae`, and augments the portraits."""
    images, shown = image_tensors(faces, random.device)
    negatives = torch.cat([make_negatives(part.float(), random).byte() for part in images.split(PART)])
    processor = CLIPImageProcessorPil()
    portraits = [normalize(augment(part.float(), PORTRAIT_SIZE, random), processor) for part in images.split(PART)]
    factor = vae.config.scaling_factor
    return Latents(
        clean=encode(vae, images) * factor,
        negatives=encode(vae, negatives) * factor,
        portraits=torch.cat(portraits),
        shown=shown,
        men=torch.from_numpy(faces.men).to(images.device),
        moments=int((faces.persons == 0).sum()),
    )


def make_negatives(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Makes pictures [n, 3, s, s], 0 … 255, into what negative prompts describe: blurred, some of them unsafe."""
    soft = blurred(images, uniform(random, 0.2, 1.5, len(images)))
    unsafe = uniform(random, 0, 1, len(images), 1, 1, 1) < 0.3
    return torch.where(unsafe, cover(soft, random), soft).clamp(0, 255)
