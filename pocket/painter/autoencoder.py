"""Trains the pocket painter's autoencoder on pictures. Knows nothing of what they show."""

import torch
from diffusers import AutoencoderKL

from pocket.optimize import train, half_precision

RATE = 2e-3


def train_vae(vae: AutoencoderKL, images: torch.Tensor, steps: int, batch: int, random: torch.Generator) -> None:
    """Trains `vae` on pictures [n, 3, s, s] uint8, and sets its scaling factor so that latents have deviation 1."""
    device = random.device
    vae.to(device, memory_format=torch.channels_last).train()

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (batch,), generator=random, device=device)
        pixels = scaled(images[pick])
        with half_precision(device):
            latent = vae.encode(pixels).latent_dist
            drawn = latent.mean + latent.std * torch.randn(latent.mean.shape, generator=random, device=device)
            seen = vae.decode(drawn).sample.float()
        # Edges count as much as areas: brows and lids are thin, and they are what an expression is made of.
        edges = sum((seen.diff(dim=d) - pixels.diff(dim=d)).abs().mean() for d in (-1, -2))
        return (seen - pixels).abs().mean() + edges + 3e-4 * latent.kl().mean() / latent.mean[0].numel()

    train(list(vae.parameters()), loss, steps, RATE, "autoencoder")
    vae.eval()
    vae.register_to_config(scaling_factor=round(float(1 / encode(vae, images[:2000]).std()), 5))


@torch.inference_mode()
def encode(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """[n, 4, s/4, s/4] the latents of pictures [n, 3, s, s] uint8, not yet scaled."""
    return torch.cat([vae.encode(scaled(part)).latent_dist.mean for part in images.split(256)])


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Pictures, 0 … 255, as -1 … 1."""
    return images.float() / 127.5 - 1
