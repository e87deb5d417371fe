"""An album of drawn faces as the pocket painter learns from it. Knows nothing of prompts or of how it learns."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL
from transformers import CLIPImageProcessorPil

from pocket.painter.autoencoder import encode
from pocket.painter.diffusion import PORTRAIT_SIZE
from pocket.painter.filters import normalize, image_tensors, augment
from pocket.pictures.portraits import Portraits
from pocket.pictures.unsafe import cover
from pocket.pictures.warping import blurred, uniform

PART = 1000  # pictures prepared at a time


@dataclass(frozen=True)
class Latents:
    """What the painter learns from, on its device.

    Attributes:
        clean, spoiled: [n, 4, s, s] scaled latents of the pictures, and of the pictures as none should be.
        portraits: [n, 3, p, p] the pictures as the identity encoder takes them, a little moved, soft and noisy.
        shown, men: [n] numbers of the expressions, and whether it is a man.
        moments: how many pictures of one person follow each other.
    """

    clean: torch.Tensor
    spoiled: torch.Tensor
    portraits: torch.Tensor
    shown: torch.Tensor
    men: torch.Tensor
    moments: int

    def other_moments(self, pick: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """[n] for each picture of `pick` [n] the number of another one of the same person."""
        step = 1 + torch.randint(self.moments - 1, pick.shape, generator=random, device=pick.device)
        first = pick // self.moments * self.moments
        return first + (pick - first + step) % self.moments


def make_latents(vae: AutoencoderKL, album: Portraits, random: torch.Generator) -> Latents:
    images, shown = image_tensors(album, random.device)
    worse = torch.cat([spoil(part.float(), random).byte() for part in images.split(PART)])
    processor = CLIPImageProcessorPil()
    seen = [normalize(augment(part.float(), PORTRAIT_SIZE, random), processor) for part in images.split(PART)]
    factor = vae.config.scaling_factor
    return Latents(
        clean=encode(vae, images) * factor,
        spoiled=encode(vae, worse) * factor,
        portraits=torch.cat(seen),
        shown=shown,
        men=torch.from_numpy(album.men).to(images.device),
        moments=int((album.persons == 0).sum()),
    )


def spoil(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Pictures [n, 3, s, s], 0 … 255, as negative prompts describe them: blurred, some of them unsafe."""
    soft = blurred(images, uniform(random, 0.2, 1.5, len(images)))
    unsafe = uniform(random, 0, 1, len(images), 1, 1, 1) < 0.3
    return torch.where(unsafe, cover(soft, random), soft).clamp(0, 255)
